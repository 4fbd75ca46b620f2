/**
 * Reads the whole `records` stream as it was at one moment: its tail from the first record until all is passed that the
 * leader had when the tail began. Tails pass whole appends, so no half of one is in it. What is kept of it:
 *
 *   left out   workload   what runs: agents say it again as soon as a node asks, and nobody else knows whether it is true
 *              token      secrets that work once, for an hour
 *   log        the newest limits.backupLogBytes of it: nobody ever removes an entry
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
  /** Log entries that were too old. */
  readonly logLeftOut: number;
}

export async function readSnapshot(store: Store, signal: AbortSignal): Promise<Snapshot> {
  const records = new Map<RecordKey, StoreRecord>();
  const unreadable = new Set<RecordKey>();
  let log = new NewestLog();
  let bytes = 0;
  let passed = 0;
  const { promise, resolve, reject } = Promise.withResolvers<Snapshot>();
  const tail = store.tail("records", {
    batch(entries, sequence) {
      passed = sequence;
      for (const { record } of entries) {
        const kind = recordKind(record.key);
        unreadable.delete(record.key);
        if (leftOut.has(kind)) continue;
        records.set(record.key, record);
        const size = encodedSize(record.value);
        if (kind === "log") for (const key of log.add(record.key, size)) records.delete(key);
        else bytes += size;
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
      log = new NewestLog();
      bytes = 0;
      passed = 0;
    },
    synced(sequence, incarnation = store.incarnation("records")) {
      const kept = [...records.values()].flatMap((record) => keptOf(record) ?? []);
      // An append that came after the leader was asked is here too, whole, and all that came before it.
      const revision = revisionOf(incarnation, Math.max(sequence, passed));
      resolve({ revision, records: kept, unreadable: [...unreadable], logLeftOut: log.leftOut });
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

/** Which entries of the log fit; they come oldest first. */
class NewestLog {
  readonly #entries: { readonly key: RecordKey; readonly bytes: number }[] = [];
  #bytes = 0;
  leftOut = 0;

  /** @returns what has to go for it. */
  add(key: RecordKey, bytes: number): RecordKey[] {
    this.#entries.push({ key, bytes });
    this.#bytes += bytes;
    const gone: RecordKey[] = [];
    while (this.#bytes > limits.backupLogBytes) {
      const oldest = this.#entries[this.leftOut++];
      if (!oldest) break;
      this.#bytes -= oldest.bytes;
      gone.push(oldest.key);
    }
    return gone;
  }
}

function keptOf({ key, value, epoch, extra }: StoreRecord): KeptRecord | undefined {
  if (value === undefined) return undefined;
  return { key, value, epoch, ...(extra && { extra }) };
}

/** Kind → how many. */
export function countKinds(records: readonly KeptRecord[]): Readonly<Record<string, number>> {
  const counts = new Map<string, number>();
  for (const { key } of records) counts.set(recordKind(key), (counts.get(recordKind(key)) ?? 0) + 1);
  return Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1)));
}
