/** Where a bug can be planted: around the ports of a node, and in what callers and doors do. Nothing of it is in src/. */
import type { ActorKind } from "../../src/actors/runtime/kind.ts";
import type { Transport } from "../../src/actors/runtime/transport.ts";
import type { MemoryServer } from "../../src/store/memory/server.ts";
import type { Store, TailHandler } from "../../src/store/store.ts";
import type { LedgerTypes } from "./kinds.ts";
import type { Process } from "./time.ts";

export interface PlantContext {
  readonly process: Process;
  readonly server: MemoryServer;
  /** Sends the ledger its wake, on this node. */
  readonly wake: (id: string) => void;
}

export interface Plant {
  /** What stands between the node and its store. */
  readonly store?: (inner: Store, context: PlantContext) => Store;
  /** What stands between the store's tail and the replica. */
  readonly replicaTail?: (inner: TailHandler) => TailHandler;
  /** What stands between the store's tail and the runtime's timers. */
  readonly wakesTail?: (inner: TailHandler) => TailHandler;
  readonly ledger?: (inner: ActorKind<LedgerTypes>, context: PlantContext) => ActorKind<LedgerTypes>;
  readonly transport?: (inner: Transport, context: PlantContext) => Transport;
  /** A caller that tries again does so under a new operation. */
  readonly newOperationEachTry?: boolean;
  /** A node takes new streams whatever the age of what it holds. */
  readonly takesStreamsWhenStale?: boolean;
  /** A node waits for nothing before it answers a read that names a revision. */
  readonly ignoresAtLeast?: boolean;
  /** An agent's sets carry no number. */
  readonly unnumberedSets?: boolean;
  /** Effects go out before the turn is written. */
  readonly effectsFirst?: boolean;
}
