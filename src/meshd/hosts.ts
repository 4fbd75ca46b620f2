/**
 * Which hosts' agents were heard of lately, at any node, and what their Envoys count. An agent speaks to one node, which
 * passes on what it said to the others as it is; a word that is lost on the way is made good by the next, 2 s later.
 */
import type { Gossip } from "../actors/runtime/heartbeat.ts";
import { heartbeat } from "../api/agents/requests.ts";
import type { Heartbeat, ProxyReport } from "../certificates/attestation/protocol.ts";
import type { Clock } from "../platform/clock.ts";
import { literal, object, text } from "../platform/decode.ts";
import { limits } from "../platform/limits.ts";
import type { Fleet } from "../telemetry/fleet.ts";

/** Agents speak every 2 s; one that missed five is not live, and its names may be taken over. */
const liveForMs = 10_000;

const passedOn = object({ format: literal(1), from: text(63), hostName: text(253), heartbeat });

export interface LiveHostsOptions {
  readonly nodeName: string;
  readonly clock: Clock;
  readonly fleet: Fleet;
  /** To the other nodes. */
  readonly gossip: Gossip;
}

export class LiveHosts {
  readonly #options: LiveHostsOptions;
  readonly #heardAtMs = new Map<string, number>();
  readonly #proxies = new Map<string, ProxyReport>();

  constructor(options: LiveHostsOptions) {
    this.#options = options;
  }

  /** @returns how to stop. */
  start(): () => void {
    return this.#options.gossip.subscribe((message) => this.#takePassedOn(message));
  }

  isLive(hostName: string): boolean {
    const atMs = this.#heardAtMs.get(hostName);
    return atMs !== undefined && this.#options.clock.monotonicMs() - atMs < liveForMs;
  }

  /** From the agent itself. */
  heard(hostName: string, said: Heartbeat): void {
    this.#take(hostName, said);
    const { nodeName: from, gossip } = this.#options;
    for (const proxies of inMessages(said.proxies)) {
      gossip.publish({ format: 1, from, hostName, heartbeat: { ...said, proxies } });
    }
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
    return [...this.#heardAtMs.keys()].map((hostName) => ({ hostName, live: this.isLive(hostName) }));
  }

  #take(hostName: string, { proxies }: Heartbeat): void {
    this.#heardAtMs.set(hostName, this.#options.clock.monotonicMs());
    for (const report of proxies) {
      this.#proxies.set(report.workload, report);
      this.#options.fleet.report(report);
    }
  }

  #takePassedOn(message: unknown): void {
    try {
      const { from, hostName, heartbeat: said } = passedOn(message, "passed on");
      if (from !== this.#options.nodeName) this.#take(hostName, said);
    } catch {
      // Of a node of another version; the host is heard of again when its agent speaks to this one.
    }
  }
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
