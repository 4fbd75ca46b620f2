/**
 * Three nodes' watch over the hosts, with the real actor runtime and the store's twin, on a clock that the test moves.
 * Nodes can be cut off or begin to listen anew, hosts fall silent, and a bug can be planted in what decides.
 */
import assert from "node:assert/strict";
import {
  allHosts,
  type HostSessionsState,
  hostSessions,
  hostSessionsHands,
} from "../../src/actors/kinds/host_sessions.ts";
import type { HostSigns } from "../../src/actors/kinds/host_silence.ts";
import { stateInRecord } from "../../src/actors/runtime/envelope.ts";
import { LocalNetwork } from "../../src/actors/runtime/local_network.ts";
import type { NodeName } from "../../src/actors/runtime/placement.ts";
import { ActorRuntime } from "../../src/actors/runtime/runtime.ts";
import type { Said } from "../../src/meshd/cluster/others.ts";
import { HostWatch } from "../../src/meshd/hosts/host_watch.ts";
import { LiveHosts } from "../../src/meshd/hosts/live_hosts.ts";
import type { Decode } from "../../src/platform/decode.ts";
import { limits } from "../../src/platform/limits.ts";
import { silentLogger } from "../../src/platform/log.ts";
import { seededRandom } from "../../src/platform/random.ts";
import { hostSessionsRecord } from "../../src/store/keys.ts";
import { MemoryServer } from "../../src/store/memory/server.ts";
import { Belief } from "../actors/cluster.ts";
import { ManualClock } from "../support/manual_clock.ts";

const names = ["n0", "n1", "n2"].map((name) => name as NodeName);
export const { hostLeaseMs: leaseMs } = limits;
export const dueMs = leaseMs * (1 + limits.hostGraceLeases);
export const beat = { bundleSequence: 0, proxies: [] };

export class TestNode {
  readonly hosts: LiveHosts;
  readonly watch: HostWatch;
  /** Whether nothing comes through to it and from it, and it knows. */
  cut = false;
  /** Whose gossip is lost on its way here, which it cannot know. */
  deafTo: TestNode | undefined;
  /** Since when it listens. */
  sinceMs = 0;
  connected = new Set<string>();
  shown: HostSessionsState | undefined;
  answers: ((question: unknown) => Promise<unknown>) | undefined;

  constructor(name: NodeName, mesh: TestMesh) {
    const { clock } = mesh;
    const kind = hostSessions(leaseMs);
    const view = new Belief(name, names);
    const store = mesh.server.open();
    const transport = mesh.network.join(name);
    const runtime = new ActorRuntime({ view, transport, store, clock, random: mesh.random, log: silentLogger });
    store.tail("records", {
      batch: (entries) => {
        for (const { record } of entries) this.shown = stateInRecord(kind, record.value, record.key);
      },
      reset: () => {},
      synced: () => {},
    });
    this.hosts = new LiveHosts({
      nodeName: name,
      clock,
      fleet: { report: () => {}, forget: () => {} },
      gossip: {
        publish: (message) => mesh.publish(this, message),
        subscribe: (handler) => mesh.subscribe(this, handler),
      },
      membership: {
        listening: () => mesh.plant.listening?.(this.#listening(clock)) ?? this.#listening(clock),
        hears: true,
        impediments: () => (this.cut ? ["cut off"] : []),
      },
      leaseMs,
    });
    this.hosts.start();
    this.watch = new HostWatch({
      kind,
      runtime,
      view,
      others: {
        answer: (_topic, answerer) => {
          this.answers = answerer;
        },
        names: () => names.filter((other) => other !== name),
        ask: (other, { of }, decode) => mesh.ask(other, of, decode),
      },
      hosts: this.hosts,
      leaseMs,
      state: () => this.shown,
      known: () => new Set(mesh.hosts),
      connected: () => this.connected,
      clock,
      log: silentLogger,
    });
    const signs = async (withheld: readonly string[]): Promise<HostSigns> => {
      const read = await this.watch.signs(withheld);
      return mesh.plant.signs?.(read) ?? read;
    };
    runtime.host(kind, hostSessionsHands(signs));
    runtime.start();
    this.watch.start();
  }

  #listening(clock: ManualClock): Listening {
    return { sinceMs: this.sinceMs, untilMs: this.cut ? this.sinceMs : clock.monotonicMs() };
  }
}

interface Listening {
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** A bug, in what decides. */
export interface Plant {
  readonly signs?: (signs: HostSigns) => HostSigns;
  readonly listening?: (listening: Listening) => Listening;
}

export class TestMesh {
  readonly clock = new ManualClock();
  readonly random = seededRandom(3);
  readonly server = new MemoryServer({ clock: this.clock, random: this.random });
  readonly network = new LocalNetwork(this.clock);
  readonly hosts: readonly string[];
  readonly plant: Plant;
  readonly #handlers = new Map<TestNode, (message: unknown) => void>();
  readonly nodes: readonly TestNode[];
  speaking: Set<string>;
  /** When each host's word was taken by a node that could pass it on. */
  readonly takenAtMs = new Map<string, number>();
  /** When any node heard it. */
  readonly heardAtMs = new Map<string, number>();

  constructor({ hosts = ["h0", "h1", "h2"], plant = {} }: { hosts?: readonly string[]; plant?: Plant } = {}) {
    this.hosts = hosts;
    this.plant = plant;
    this.speaking = new Set(hosts);
    this.nodes = names.map((name) => new TestNode(name, this));
    for (const node of this.nodes) node.sinceMs = this.clock.monotonicMs();
  }

  node(at: number): TestNode {
    return this.nodes[at] ?? assert.fail(`no node ${at}`);
  }

  publish(from: TestNode, message: unknown): void {
    if (from.cut) return;
    for (const [node, handler] of this.#handlers) if (!node.cut && node.deafTo !== from) handler(message);
  }

  subscribe(node: TestNode, handler: (message: unknown) => void): () => void {
    this.#handlers.set(node, handler);
    return () => {};
  }

  async ask<T>(other: NodeName, of: unknown, decode: Decode<T>): Promise<Said<T>> {
    const node = this.node(names.indexOf(other));
    if (node.cut || !node.answers) return { kind: "silent", node: other, because: "it does not answer" };
    return { kind: "said", node: other, value: decode(await node.answers(of), "answer") };
  }

  /** Each speaking host to a node of its own, every 2 s. */
  async pass(ms: number): Promise<void> {
    for (let passedMs = 0; passedMs < ms; passedMs += 500) {
      if (passedMs % limits.agentHeartbeatMs === 0) {
        for (const [at, host] of this.hosts.entries()) if (this.speaking.has(host)) this.#say(at, host);
      }
      await this.clock.advance(500);
    }
  }

  /** As an agent does: to its own node first, then to the next, until one takes it. */
  #say(at: number, host: string): void {
    this.heardAtMs.set(host, this.clock.monotonicMs());
    for (const step of names.keys()) {
      if (!this.node((at + step) % names.length).hosts.heard(host, beat)) continue;
      this.takenAtMs.set(host, this.clock.monotonicMs());
      return;
    }
  }

  async withheld(): Promise<readonly string[]> {
    const record = await this.server.open().read("records", hostSessionsRecord(allHosts));
    if (!record) return [];
    return stateInRecord(hostSessions(leaseMs), record.value, "record").withheld.map(({ host }) => host);
  }
}
