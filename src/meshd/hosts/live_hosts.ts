/**
 * Which hosts were heard of lately, at any node, and what their Envoys count. An agent speaks to one node, which passes
 * on what it said to the others as it is; a word that is lost on the way is made good by the next, 2 s later. Of a host
 * whose agent is silent its proxies' streams still say that it serves.
 */
import type { NodeSigns } from "../../actors/kinds/host_silence.ts";
import type { Gossip } from "../../actors/runtime/heartbeat.ts";
import type { Membership } from "../../actors/runtime/membership.ts";
import { heartbeat } from "../../api/agents/requests.ts";
import type { EdgeCount, Heartbeat, ProxyReport } from "../../certificates/attestation/protocol.ts";
import type { Clock } from "../../platform/clock.ts";
import { literal, object, text } from "../../platform/decode.ts";
import { limits } from "../../platform/limits.ts";
import type { Fleet } from "../../telemetry/fleet.ts";

/** Without a heartbeat: a proxy of that host is connected. */
const passedOn = object({ format: literal(1), from: text(63), hostName: text(253) }, { heartbeat });

export interface LiveHostsOptions {
  readonly nodeName: string;
  readonly clock: Clock;
  readonly fleet: Pick<Fleet, "report" | "forget">;
  /** To the other nodes. */
  readonly gossip: Gossip;
  readonly membership: Pick<Membership, "listening" | "hears" | "impediments">;
  /** An agent that missed it is not live, and its names may be taken over. */
  readonly leaseMs: number;
}

export class LiveHosts {
  readonly #options: LiveHostsOptions;
  readonly #agentAtMs = new Map<string, number>();
  readonly #proxiesAtMs = new Map<string, number>();
  readonly #proxies = new Map<string, ProxyReport>();
  readonly #listeners = new Set<(hostName: string, said: Heartbeat) => void>();
  readonly #reportListeners = new Set<() => void>();

  constructor(options: LiveHostsOptions) {
    this.#options = options;
  }

  /** @returns how to stop. */
  start(): () => void {
    return this.#options.gossip.subscribe((message) => this.#takePassedOn(message));
  }

  isLive(hostName: string): boolean {
    const atMs = this.#agentAtMs.get(hostName);
    return atMs !== undefined && this.#options.clock.monotonicMs() - atMs < this.#options.leaseMs;
  }

  /** From the agent itself. @returns whether the others learn of it. */
  heard(hostName: string, said: Heartbeat): boolean {
    this.#take(hostName, said);
    const { nodeName: from, gossip, membership } = this.#options;
    for (const proxies of inMessages(said.proxies)) {
      gossip.publish({ format: 1, from, hostName, heartbeat: { ...said, proxies } });
    }
    for (const listener of this.#listeners) listener(hostName, said);
    return membership.hears && membership.impediments().length === 0;
  }

  /** Called for what an agent says to this node. */
  onHeard(listener: (hostName: string, said: Heartbeat) => void): void {
    this.#listeners.add(listener);
  }

  /** Called when an agent has said something, to whichever node. @returns how to stop. */
  onReported(listener: () => void): () => void {
    this.#reportListeners.add(listener);
    return () => this.#reportListeners.delete(listener);
  }

  /** Proxies of that host are connected here. */
  sawProxies(hostName: string): void {
    this.#proxiesAtMs.set(hostName, this.#options.clock.monotonicMs());
    const { nodeName: from, gossip } = this.#options;
    gossip.publish({ format: 1, from, hostName });
  }

  /** For how long nothing has been heard of each, as far as this node has listened; ms. */
  silence(hostNames: readonly string[]): NodeSigns {
    const { membership, leaseMs, clock } = this.#options;
    const { sinceMs, untilMs } = membership.listening();
    const forMs = (atMs = sinceMs): number => Math.max(0, Math.floor(untilMs - Math.max(atMs, sinceMs)));
    const lately = clock.monotonicMs() - leaseMs;
    return hostNames.map((host) => {
      const [agentAtMs, proxiesAtMs] = [this.#agentAtMs.get(host), this.#proxiesAtMs.get(host)];
      const heard = (agentAtMs ?? lately) > lately || (proxiesAtMs ?? lately) > lately;
      return { host, heard, agentMs: forMs(agentAtMs), proxiesMs: forMs(proxiesAtMs) };
    });
  }

  /** The newest report of a proxy; undefined before the first. */
  proxy(workload: string): ProxyReport | undefined {
    return this.#proxies.get(workload);
  }

  /** A workload that is no more. */
  forget(workload: string): void {
    this.#proxies.delete(workload);
    this.#options.fleet.forget(workload);
  }

  names(): readonly { readonly hostName: string; readonly live: boolean }[] {
    return [...this.#agentAtMs.keys()].map((hostName) => ({ hostName, live: this.isLive(hostName) }));
  }

  #take(hostName: string, { proxies }: Heartbeat): void {
    this.#agentAtMs.set(hostName, this.#options.clock.monotonicMs());
    for (const report of proxies) {
      this.#proxies.set(report.workload, report);
      this.#options.fleet.report({ ...report, edges: report.edges.filter(isUsed) });
    }
    for (const listener of this.#reportListeners) listener();
  }

  #takePassedOn(message: unknown): void {
    try {
      const { from, hostName, heartbeat: said } = passedOn(message, "passed on");
      if (from === this.#options.nodeName) return;
      if (said) this.#take(hostName, said);
      else this.#proxiesAtMs.set(hostName, this.#options.clock.monotonicMs());
    } catch {
      // Of a node of another version; the host is heard of again when its agent speaks to this one.
    }
  }
}

/** One to which connections only fail carries no traffic (endpoint_watch.ts looks at those). */
function isUsed({ requests, activeConnections }: EdgeCount): boolean {
  return requests > 0 || activeConnections > 0;
}

/** As many reports in one message as it holds; at least one message, which says that the host lives. */
function inMessages(reports: readonly ProxyReport[]): readonly (readonly ProxyReport[])[] {
  const messages: ProxyReport[][] = [[]];
  let bytes = 0;
  for (const report of reports) {
    const size = Buffer.byteLength(JSON.stringify(report));
    if (bytes + size > limits.nodeMessageBytes / 2) {
      messages.push([]);
      bytes = 0;
    }
    messages.at(-1)?.push(report);
    bytes += size;
  }
  return messages;
}
