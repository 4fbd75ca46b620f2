/**
 * Watches over the hosts' sessions on this node: looks for hosts that have gone silent, asks all nodes what they have
 * heard of them, and has the host-sessions actor decide. A withheld host that speaks to this node is told to the actor
 * at once. Every node looks; only the one on which the actor is placed asks it to, so a node's death changes who looks
 * and loses nothing.
 */
import {
  allHosts,
  type HostSessionsState,
  type HostSessionsTypes,
  type WithheldHost,
} from "../../actors/kinds/host_sessions.ts";
import { decodeNodeSigns, type HostSigns, type NodeSigns } from "../../actors/kinds/host_silence.ts";
import type { ActorKind } from "../../actors/runtime/kind.ts";
import { ownerOf, type View } from "../../actors/runtime/placement.ts";
import type { ActorRuntime } from "../../actors/runtime/runtime.ts";
import type { Clock } from "../../platform/clock.ts";
import { list, object, text } from "../../platform/decode.ts";
import { limits } from "../../platform/limits.ts";
import type { Logger } from "../../platform/log.ts";
import type { Others } from "../cluster/others.ts";
import type { LiveHosts } from "./live_hosts.ts";

export interface HostWatchOptions {
  readonly kind: ActorKind<HostSessionsTypes>;
  readonly runtime: Pick<ActorRuntime, "ask">;
  readonly view: View;
  readonly others: Pick<Others, "answer" | "ask" | "names">;
  readonly hosts: LiveHosts;
  readonly leaseMs: number;
  /** What this node's copy shows of the actor's record. */
  readonly state: () => HostSessionsState | undefined;
  /** Hosts that have endpoints; undefined: this node's copy is not complete. */
  readonly known: () => ReadonlySet<string> | undefined;
  /** Hosts of the proxies that are connected to this node. */
  readonly connected: () => ReadonlySet<string>;
  readonly clock: Clock;
  readonly log: Logger;
}

const question = object({ hosts: list(text(253), limits.hostsAsked) });

export interface Guarded {
  readonly silent: number;
  readonly hosts: number;
}

export class HostWatch {
  readonly #options: HostWatchOptions;
  #looking = false;
  #guarded: Guarded | undefined;

  constructor(options: HostWatchOptions) {
    this.#options = options;
    const { others, hosts } = options;
    others.answer("hosts", async (asked) => {
      const { hosts: names } = question(asked, "question");
      this.#seeProxies(names);
      return hosts.silence(names);
    });
    hosts.onHeard((host) => {
      if (this.withheld().some((one) => one.host === host)) void this.#tell([host]);
    });
  }

  /** @returns how to stop. */
  start(): () => void {
    const timer = this.#options.clock.every(limits.hostLookMs, () => void this.#look());
    return () => timer.cancel();
  }

  withheld(): readonly WithheldHost[] {
    return this.#options.state()?.withheld ?? [];
  }

  /** Why nobody is withheld now, as this node decided last; undefined: no reason, or another node decides. */
  get guarded(): Guarded | undefined {
    return this.#guarded;
  }

  /** What the actor's turn asks for: every node's word on these hosts and on those that seem silent here. */
  async signs(asked: readonly string[]): Promise<HostSigns> {
    const { others, hosts, clock, known } = this.#options;
    const all = [...(known() ?? [])];
    const atMs = clock.monotonicMs();
    const names = [...new Set([...asked, ...this.#silentHere(all)])].slice(0, limits.hostsAsked);
    const of = { hosts: names };
    const told = await Promise.all(
      others.names().map((node) => others.ask(node, { topic: "hosts", of }, decodeNodeSigns)),
    );
    const said = told.flatMap((one) => (one.kind === "said" ? [one.value] : []));
    // Who stood still meanwhile would decide on what was true long ago.
    const isOld = clock.monotonicMs() - atMs > limits.hostSignsMs;
    const complete = known() !== undefined && said.length === told.length && !isOld;
    const own: NodeSigns = hosts.silence(names);
    return { hosts: all, nodes: complete ? [own, ...said] : undefined };
  }

  async #look(): Promise<void> {
    const { view, known, hosts, kind, leaseMs } = this.#options;
    const all = known();
    if (!all || this.#looking) return;
    this.#looking = true;
    try {
      const silent = this.#silentHere([...all]);
      const withheld = this.withheld().map(({ host }) => host);
      const isOwner = ownerOf({ kind: kind.kind, id: allHosts }, view.members()) === view.self;
      const dueMs = leaseMs * (1 + limits.hostGraceLeases);
      const isDue = hosts.silence(silent).some(({ host, agentMs }) => agentMs >= dueMs && !withheld.includes(host));
      const isBack = hosts.silence(withheld).some(({ host, heard }) => heard || !all.has(host));
      if (isOwner && (isDue || isBack)) this.#guarded = await this.#askToLook();
      else this.#guarded = undefined;
    } finally {
      this.#looking = false;
    }
  }

  async #askToLook(): Promise<Guarded | undefined> {
    const { runtime, kind, log } = this.#options;
    try {
      const { guarded } = await runtime.ask(kind, allHosts, { type: "look" });
      if (guarded && !this.#guarded) log.warn("many hosts are silent, nothing is withheld", { ...guarded });
      return guarded;
    } catch (cause) {
      log.warn("silent hosts not looked at, tried again", { because: String(cause) });
      return this.#guarded;
    }
  }

  /** Its next heartbeat says it again if this is lost. */
  async #tell(hosts: readonly string[]): Promise<void> {
    const { runtime, kind, log } = this.#options;
    try {
      await runtime.ask(kind, allHosts, { type: "spoke", hosts });
      log.info("silent host speaks again", { hosts });
    } catch (cause) {
      log.warn("host that speaks again not told", { hosts, because: String(cause) });
    }
  }

  /** Those of them of which nothing was heard for a lease. */
  #silentHere(names: readonly string[]): readonly string[] {
    const { hosts, leaseMs } = this.#options;
    const withoutAgent = hosts
      .silence(names)
      .filter(({ agentMs }) => agentMs >= leaseMs)
      .map(({ host }) => host);
    this.#seeProxies(withoutAgent);
    const silent = hosts.silence(withoutAgent).filter(({ proxiesMs }) => proxiesMs >= leaseMs);
    return silent.map(({ host }) => host);
  }

  /** Only of hosts whose agents are silent: most of the time there is none. */
  #seeProxies(names: readonly string[]): void {
    if (names.length === 0) return;
    const { hosts, connected } = this.#options;
    const here = connected();
    for (const name of names) if (here.has(name)) hosts.sawProxies(name);
  }
}
