/** Runtimes over one memory server and one local network, on a clock that the test moves. */

import { LocalNetwork } from "../../src/actors/runtime/local_network.ts";
import type { NodeName, View } from "../../src/actors/runtime/placement.ts";
import { ActorRuntime } from "../../src/actors/runtime/runtime.ts";
import { silentLogger } from "../../src/platform/log.ts";
import { seededRandom } from "../../src/platform/random.ts";
import { MemoryServer } from "../../src/store/memory/server.ts";
import type { OperationId, Store } from "../../src/store/store.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { CounterHands, counterKind } from "./counter.ts";

export const nodeName = (name: string): NodeName => name as NodeName;
export const operationId = (name: string): OperationId => name as OperationId;

/** What a node believes; a test may let it believe anything. */
export class Belief implements View {
  readonly self: NodeName;
  alone = false;
  #members: readonly NodeName[];
  readonly #listeners = new Set<() => void>();

  constructor(self: NodeName, members: readonly NodeName[] = [self]) {
    this.self = self;
    this.#members = members;
  }

  members(): readonly NodeName[] {
    return this.#members;
  }

  become(members: readonly NodeName[]): void {
    this.#members = members;
    for (const listener of this.#listeners) listener();
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }
}

export interface TestNode {
  readonly runtime: ActorRuntime;
  readonly hands: CounterHands;
  readonly view: Belief;
  readonly store: Store;
}

export interface NodeSettings {
  readonly members?: readonly NodeName[];
  readonly runs?: "on-demand" | "always";
  readonly ids?: readonly string[];
  readonly store?: (inner: Store) => Store;
}

export class Cluster {
  readonly clock = new ManualClock();
  readonly random = seededRandom(7);
  readonly server = new MemoryServer({ clock: this.clock, random: this.random });
  readonly network = new LocalNetwork(this.clock);

  node(name: string, settings: NodeSettings = {}): TestNode {
    const { clock, random } = this;
    const self = nodeName(name);
    const opened = this.server.open();
    const store = settings.store ? settings.store(opened) : opened;
    const view = new Belief(self, settings.members);
    const transport = this.network.join(self);
    const runtime = new ActorRuntime({ view, transport, store, clock, random, log: silentLogger });
    const hands = new CounterHands();
    runtime.host(counterKind(settings.runs), hands, settings.ids);
    runtime.start();
    return { runtime, hands, view, store };
  }

  /** Moves time in small steps until the promise is settled, so that waits inside it come to their end. */
  async until<T>(promise: Promise<T>): Promise<T> {
    let settled = false;
    const done = (): void => {
      settled = true;
    };
    promise.then(done, done);
    for (let step = 0; !settled && step < 5_000; step++) await this.clock.advance(10);
    return promise;
  }
}
