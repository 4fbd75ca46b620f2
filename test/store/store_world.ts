// What a store's tests stand on: a truth that any number of nodes open, and short words for what they write.

import assert from "node:assert/strict";
import { shortId, systemRandom } from "../../src/platform/random.ts";
import { escapeToken } from "../../src/store/keys.ts";
import type {
  Append,
  LogEntry,
  OperationId,
  Outcome,
  RecordKey,
  Store,
  StoreRecord,
  StreamName,
  Write,
} from "../../src/store/store.ts";

/** One truth with any number of nodes on it. Each test has its own. */
export interface StoreWorld extends AsyncDisposable {
  /** A node's store. */
  open(): Promise<Store>;
  /** Appends so that it is applied but its answer never arrives. */
  appendUnheard(store: Store, stream: StreamName, append: Append): Promise<Outcome>;
  /** Deletes the stream and makes it again. */
  recreate(stream: StreamName): Promise<void>;
  /** Puts bytes at a key that no Weft wrote. */
  corrupt(stream: StreamName, key: RecordKey, bytes: Uint8Array): Promise<void>;
  /** Makes tails miss everything until `rejoin`. */
  cutTails(): Promise<void>;
  rejoin(): Promise<void>;
  /** A store that can write while the tails are cut. */
  writer(): Promise<Store>;
}

export const keyOf = (...tokens: string[]): RecordKey => tokens.map(escapeToken).join(".") as RecordKey;
export const operation = (): OperationId => shortId(systemRandom, 26) as OperationId;
export const write = (key: RecordKey, value: unknown, seen?: StoreRecord): Write => ({ key, value, seen });
export const append = (...writes: Write[]): Append => ({ operation: operation(), writes });
export const logOf = (changes: LogEntry["changes"] = []): LogEntry => ({ who: "ana", what: "apply", atMs: 1, changes });

export function sequenceOf(outcome: Outcome): number {
  assert.equal(outcome.kind, "done", JSON.stringify(outcome));
  return outcome.kind === "done" ? outcome.sequence : 0;
}

export async function readBack(store: Store, key: RecordKey, stream: StreamName = "records"): Promise<StoreRecord> {
  const record = await store.read(stream, key);
  assert.ok(record, `${key} was written`);
  return record;
}
