/**
 * One meshd of the simulation: the store's twin behind a door of its own, the replica, the actor runtime, the API's
 * commit, and a door for agents. It can be stopped, cut off, killed and started again; the next boot begins with nothing.
 */
import type { Fence } from "../../src/actors/runtime/kind.ts";
import { Membership } from "../../src/actors/runtime/membership.ts";
import type { NodeName } from "../../src/actors/runtime/placement.ts";
import { ActorRuntime } from "../../src/actors/runtime/runtime.ts";
import { catchUp, commit } from "../../src/api/commit.ts";
import { writeSet } from "../../src/api/endpoints/write.ts";
import { decodeMeshRecord, type MeshRecord } from "../../src/meshd/mesh_record.ts";
import { ReplicaMirror } from "../../src/meshd/mirror.ts";
import type { Endpoint } from "../../src/model/endpoint.ts";
import type { Locality, Namespace, Revision } from "../../src/model/names.ts";
import { WeftError } from "../../src/platform/error.ts";
import { limits } from "../../src/platform/limits.ts";
import { silentLogger } from "../../src/platform/log.ts";
import type { Random } from "../../src/platform/random.ts";
import { type MemoryFaults, noFaults } from "../../src/store/memory/faults.ts";
import type { MemoryServer } from "../../src/store/memory/server.ts";
import { Replica } from "../../src/store/replica.ts";
import { tailOfReplica } from "../../src/store/replica_tail.ts";
import type { OperationId, RecordKey, Sequence, Store, TailHandler } from "../../src/store/store.ts";
import { type Checker, digestOf } from "./checker.ts";
import { keeperHands, keeperKind, type LedgerRequest, ledgerHands, ledgerKey, ledgerKind } from "./kinds.ts";
import type { Network, Reach } from "./network.ts";
import type { Plant, PlantContext } from "./plant.ts";
import { SteeredView } from "./steered_view.ts";
import { Process, type VirtualTime } from "./time.ts";
import type { Trace } from "./trace.ts";

export interface NodeParts {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly server: MemoryServer;
  readonly network: Network;
  readonly checker: Checker;
  readonly trace: Trace;
  readonly plant: Plant;
  readonly keepers: readonly string[];
}

/** A node takes no new stream while what it holds was not confirmed for this long, ms (DESIGN: the leader barrier). */
export const staleAfterMs = 2_000;

const calm = { ...noFaults, latencyMs: 4, tailPause: 1, tailPauseMs: 12 };

interface Running {
  readonly process: Process;
  readonly store: Store;
  readonly replica: Replica<MeshRecord>;
  readonly mirror: ReplicaMirror;
  readonly runtime: ActorRuntime;
  readonly membership: Membership;
  readonly view: SteeredView;
}

export class SimNode {
  readonly name: NodeName;
  readonly faults: MemoryFaults = { ...calm };
  readonly reach: Reach = { speaks: true, hears: true };
  boots = 0;
  #running: Running | undefined;
  #offsetMs = 0;
  #tailsCut = false;
  #healed = false;
  #activations = 0;
  #digest = "[]";
  readonly #parts: NodeParts;

  constructor(name: NodeName, parts: NodeParts) {
    this.name = name;
    this.#parts = parts;
  }

  get process(): Process | undefined {
    return this.#running?.process;
  }

  /** Answering, as far as the node itself goes. */
  get up(): boolean {
    return this.#running?.process.state === "running";
  }

  get running(): Running {
    if (!this.#running) throw new Error(`${this.name} does not run`);
    return this.#running;
  }

  boot(): void {
    if (this.#running) return;
    const { time, random, server, network, plant, trace } = this.#parts;
    const boot = ++this.boots;
    trace.note(`boot ${this.name} ${boot}`);
    const process = new Process(time, () => random.unit() * 5);
    process.offsetMs = this.#offsetMs;
    const tailsPaused = (): boolean => this.#tailsCut || process.state !== "running";
    const opened = server.open({ clock: process, wire: time, random, faults: this.faults, tailsPaused });
    const context: PlantContext = {
      process,
      server,
      wake: (id) => void runtime.ask(ledger, id, { type: "wake" }).catch(() => {}),
    };
    const store = plant.store?.(opened, context) ?? opened;
    const replica = new Replica({
      store: { ...portOf(store), tail: (stream, handler) => opened.tail(stream, planted(plant.replicaTail, handler)) },
      clock: process,
      decode: decodeMeshRecord,
    });
    const gossip = network.gossip(this.name, process, this.reach);
    const isThere = (node: NodeName) => network.isThere(this.name, process, node);
    const membership = new Membership({ self: this.name, clock: process, random, gossip, log: silentLogger, isThere });
    const view = new SteeredView(membership);
    const joined = network.join(this.name, process);
    const transport = plant.transport?.(joined, context) ?? joined;
    const tail = (handler: TailHandler) => tailOfReplica(replica, planted(plant.wakesTail, handler));
    const runtime = new ActorRuntime({ clock: process, random, store, log: silentLogger, view, transport, tail });
    const activation = (): string => `${this.name}/${boot}/${++this.#activations}`;
    const plain = ledgerKind(activation);
    const ledger = plant.ledger?.(plain, context) ?? plain;
    runtime.host(ledger, this.#ledgerHands());
    runtime.host(keeperKind(activation), keeperHands, this.#parts.keepers);
    this.#running = { process, store, replica, mirror: new ReplicaMirror(replica, store), runtime, membership, view };
    this.#watch(replica, boot);
    runtime.start();
    membership.start();
  }

  /** kill -9. */
  crash(): void {
    const running = this.#running;
    if (!running) return;
    this.#parts.trace.note(`crash ${this.name}`);
    this.#running = undefined;
    running.process.end();
    this.#parts.network.leave(this.name);
    void running.store.close();
  }

  /** SIGTERM: hands its actors over, then it is gone. */
  drain(): void {
    const running = this.#running;
    if (!running) return;
    this.#parts.trace.note(`drain ${this.name}`);
    running.membership.leave();
    void running.runtime.drain().then(() => {
      if (this.#running !== running) return;
      running.membership.stop();
      this.crash();
      if (this.#healed) this.boot();
    });
  }

  pause(): void {
    this.#running?.process.pause();
  }

  resume(): void {
    this.#running?.process.resume();
    this.#parts.server.wakeTails();
  }

  jumpClock(offsetMs: number): void {
    this.#offsetMs = offsetMs;
    if (this.#running) this.#running.process.offsetMs = offsetMs;
  }

  cutTails(cut: boolean): void {
    this.#tailsCut = cut;
    if (!cut) this.#parts.server.wakeTails();
  }

  heal(): void {
    this.#healed = true;
    Object.assign(this.faults, calm);
    this.jumpClock(0);
    this.reach.speaks = true;
    this.reach.hears = true;
    this.cutTails(false);
    this.believe(undefined);
    this.resume();
    this.boot();
  }

  /** undefined: what its membership says. */
  believe(members: readonly NodeName[] | undefined): void {
    const running = this.#running;
    running?.view.believe(members);
    running?.process.enter(() => running.view.tell());
  }

  ask(id: string, request: LedgerRequest, operation: OperationId): Promise<{ readonly entries: readonly string[] }> {
    return this.running.runtime.ask(asked, id, request, { operation });
  }

  /** An apply: two records and their log, in one batch. `tag` undefined deletes both. */
  async applyPair(name: string, tag: string | undefined): Promise<Sequence> {
    const { store, mirror, process, replica } = this.running;
    const patience = new AbortController();
    const timer = process.after(limits.applyMs, () => patience.abort(timedOut()));
    const plan = () => {
      const value = tag === undefined ? undefined : { tag };
      const writes = (["a", "b"] as const).map((half) => {
        const key = pairKey(name, half);
        return { key, value, seen: replica.record(key) };
      });
      const changes = writes.map(({ key }) => ({ key, before: undefined, after: value }));
      const log = { who: "sim", what: "apply", atMs: process.nowMs(), changes };
      return { result: undefined, appends: [{ writes, log }] };
    };
    const ports = { store, mirror, clock: process, random: this.#parts.random };
    const request = { stream: "records", freshness: "catch-up", plan, signal: patience.signal } as const;
    const { sequence } = await commit(ports, request);
    timer.cancel();
    return sequence;
  }

  /** An agent says the whole of what it has. */
  async putSet(agent: string, version: number, signal: AbortSignal): Promise<void> {
    const { store, mirror, process } = this.running;
    const ports = { store, mirror, clock: process, random: this.#parts.random };
    await catchUp(ports, "endpoints", signal);
    const set = {
      service: { namespace: "default" as Namespace, name: "sim" },
      source: agent,
      ports: [{ name: "http", port: 80, protocol: "http" as const }],
      endpoints: [endpointOf(agent, version)],
      ...(this.#parts.plant.unnumberedSets ? {} : { said: version }),
    };
    await writeSet(ports, set, "caught-up", signal);
  }

  /** GET with atLeast. */
  async readPair(name: string, atLeast: Revision): Promise<unknown> {
    const { replica, process } = this.running;
    const patience = new AbortController();
    const timer = process.after(limits.storeReadMs, () => patience.abort(timedOut()));
    if (!this.#parts.plant.ignoresAtLeast) await replica.waitFor(atLeast, patience.signal);
    timer.cancel();
    return replica.record(pairKey(name, "a"))?.value;
  }

  /** Whether a proxy that holds `held` may have its stream here. */
  admits(held: Sequence): boolean {
    if (!this.#running) return false;
    const { replica } = this.#running;
    if (!replica.synced) return false;
    if (this.#parts.plant.takesStreamsWhenStale) return true;
    return replica.staleMs() <= staleAfterMs && replica.position().records >= held;
  }

  /** Of the pairs that it shows. */
  get digest(): string {
    return this.#digest;
  }

  #shown(replica: Replica<MeshRecord>): string {
    const shown = replica.list("pair").map(({ key }) => [key, replica.record(key)?.value] as const);
    return digestOf(shown);
  }

  #watch(replica: Replica<MeshRecord>, boot: number): void {
    const { checker, trace } = this.#parts;
    const label = `${this.name}/${boot}`;
    let last = 0;
    this.#digest = "[]";
    replica.subscribe(({ stream, position, reset, keys }) => {
      if (replica.synced) this.#running?.membership.ready();
      if (reset || keys.some((key) => key.startsWith("pair."))) this.#digest = this.#shown(replica);
      trace.note(`show ${label} ${stream} ${position} ${keys.length}${reset ? " reset" : ""}`);
      if (stream !== "records") return;
      checker.require(position >= last, () => `${label} went back from ${last} to ${position}`);
      last = position;
      checker.shows(label, { position, digest: this.#digest, checksum: replica.checksum("records") });
    });
  }

  #ledgerHands() {
    const { checker, plant } = this.#parts;
    const hands = ledgerHands((tag: string, fence: Fence) => {
      if (!plant.effectsFirst) checker.performed(ledgerKey(fence.id), tag, fence);
    });
    if (!plant.effectsFirst) return hands;
    return {
      ...hands,
      prepare: async (_state: unknown, request: LedgerRequest, { id }: { readonly id: string }) => {
        if (request.type === "note") checker.performed(ledgerKey(id), request.tag, { id, sequence: 1, epoch: 0 });
        return request;
      },
    };
  }
}

// Only names it; its states are never decoded on the asker's side.
const asked = ledgerKind(() => "asker");

export const pairKey = (name: string, half: "a" | "b"): RecordKey => `pair.${name}.${half}` as RecordKey;

function endpointOf(agent: string, version: number): Endpoint {
  return {
    id: agent,
    address: "127.0.0.1",
    ports: { http: version },
    health: "healthy",
    weight: 1,
    locality: "" as Locality,
    network: "",
    labels: {},
    transport: "plaintext",
  };
}

function planted(plant: ((inner: TailHandler) => TailHandler) | undefined, handler: TailHandler): TailHandler {
  return plant ? plant(handler) : handler;
}

/** A store's methods as an object's own, so that one of them can be another. */
export function portOf(store: Store): Store {
  return {
    incarnation: (stream) => store.incarnation(stream),
    append: (stream, append, signal) => store.append(stream, append, signal),
    read: (stream, key, signal) => store.read(stream, key, signal),
    lastSequence: (stream, signal) => store.lastSequence(stream, signal),
    tail: (stream, handler) => store.tail(stream, handler),
    close: () => store.close(),
  };
}

function timedOut(): WeftError {
  return new WeftError({ code: "timeout", retry: "later", attempted: "wait", because: "it took too long" });
}
