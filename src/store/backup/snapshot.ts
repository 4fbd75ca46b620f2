/**
 * Reads the whole `records` stream as it was at one moment: its tail from the first record until all is passed that the
 * leader had when the tail began. Tails pass whole appends, so no half of one is in it. What is kept of it:
 *
 *   left out   workload   what runs: agents say it again as soon as a node asks, and nobody else knows whether it is true
 *              token      secrets that work once, for an hour
 *   kept       all else, of kinds that this version does not know too
 *
 * Endpoints stand in the other stream and are not read: they are what runs, and their sources say them again.
 */
import { WeftError } from "../../platform/error.ts";
import { limits } from "../../platform/limits.ts";
import { recordKind } from "../keys.ts";
import { encodedSize } from "../record.ts";
import { type RecordKey, revisionOf, type Store, type StoreRecord } from "../store.ts";
import { type KeptRecord, tooLarge } from "./contents.ts";

const leftOut: ReadonlySet<string> = new Set(["workload", "token"]);

export interface Snapshot {
  readonly revision: string;
  readonly records: readonly KeptRecord[];
  readonly unreadable: readonly RecordKey[];
}

export async function readSnapshot(store: Store, signal: AbortSignal): Promise<Snapshot> {
  const records = new Map<RecordKey, StoreRecord>();
  const unreadable = new Set<RecordKey>();
  let bytes = 0;
  const { promise, resolve, reject } = Promise.withResolvers<Snapshot>();
  const tail = store.tail("records", {
    batch(entries) {
      for (const { record } of entries) {
        records.set(record.key, record);
        unreadable.delete(record.key);
        bytes += leftOut.has(recordKind(record.key)) ? 0 : encodedSize(record.value);
      }
      if (bytes > limits.backupBytes)
        reject(tooLarge("take a backup", `more than ${limits.backupBytes} bytes of records`));
    },
    undecodable(key) {
      records.delete(key);
      unreadable.add(key);
    },
    reset() {
      records.clear();
      unreadable.clear();
      bytes = 0;
    },
    synced(sequence, incarnation = store.incarnation("records")) {
      const kept = [...records.values()].flatMap((record) => keptOf(record) ?? []);
      resolve({ revision: revisionOf(incarnation, sequence), records: kept, unreadable: [...unreadable] });
    },
  });
  const stop = (): void =>
    reject(WeftError.from(signal.reason, "take a backup", { code: "cancelled", retry: "later" }));
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    return await promise;
  } finally {
    signal.removeEventListener("abort", stop);
    await tail.stop();
  }
}

function keptOf({ key, value, epoch, extra }: StoreRecord): KeptRecord | undefined {
  if (value === undefined || leftOut.has(recordKind(key))) return undefined;
  return { key, value, epoch, ...(extra && { extra }) };
}

/** Kind → how many. */
export function countKinds(records: readonly KeptRecord[]): Readonly<Record<string, number>> {
  const counts = new Map<string, number>();
  for (const { key } of records) counts.set(recordKind(key), (counts.get(recordKind(key)) ?? 0) + 1);
  return Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
}
