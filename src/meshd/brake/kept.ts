/**
 * What was in force when something began to be held. A node that starts while changes are held must serve it, and the
 * store's streams hold only what is newest:
 *
 *   objects     under a freeze: newest, with every log entry after the freeze's revision undone. Exact on any node.
 *               Quarantined: as they were before, by the log entry of that version
 *   endpoints   held by the brake or a freeze: this node's own file, written soon after what is held changes. A node
 *               without the file, or with one of another incarnation of the stream, has what is newest
 */

import type { ObjectVersion } from "../../actors/kinds/policy.ts";
import { decodeShard } from "../../model/decode.ts";
import type { Freeze } from "../../model/delivery.ts";
import type { Clock, Timer } from "../../platform/clock.ts";
import { anything, type Decoded, list, object, parseJson, text } from "../../platform/decode.ts";
import { limits } from "../../platform/limits.ts";
import type { Logger } from "../../platform/log.ts";
import type { StateDirectory } from "../../platform/state_directory.ts";
import { recordKind } from "../../store/keys.ts";
import type { RecordKey, Sequence, Store, StoreRecord } from "../../store/store.ts";
import { decodeMeshRecord, type MeshRecord } from "../mesh_record.ts";

const logEntry = object({ changes: list(object({ key: text(4_096) }, { before: anything })) });

type Change = ReturnType<typeof logEntry>["changes"][number];

/** Objects that were written since, as they were at the freeze. What did not exist then is not among them. */
export async function objectsAt(
  { at }: Freeze,
  store: Pick<Store, "tail" | "incarnation">,
  signal: AbortSignal,
): Promise<ReadonlyMap<RecordKey, MeshRecord>> {
  const changes = await changesFrom(at.records.sequence + 1, store, signal);
  const kept = new Map<RecordKey, MeshRecord>();
  if (store.incarnation("records") !== at.records.incarnation) return kept;
  const seen = new Set<string>();
  for (const { change } of changes) {
    if (seen.has(change.key)) continue;
    seen.add(change.key);
    const form = formBefore(change);
    // Keys in a log are those of the records that were written with it.
    if (form) kept.set(change.key as RecordKey, form);
  }
  return kept;
}

/** What these objects were before the versions that are named. */
export async function formsBefore(
  wanted: ReadonlyMap<RecordKey, ObjectVersion>,
  store: Pick<Store, "tail">,
  signal: AbortSignal,
): Promise<
  readonly (readonly [RecordKey, { readonly version: ObjectVersion; readonly before: MeshRecord | undefined }])[]
> {
  if (wanted.size === 0) return [];
  const changes = await changesFrom(Math.min(...[...wanted.values()].map(({ sequence }) => sequence)), store, signal);
  return [...wanted].flatMap(([key, version]) => {
    // The log follows the records that it tells of.
    const made = changes.find(({ change, sequence }) => change.key === key && sequence >= version.sequence);
    return made ? [[key, { version, before: formBefore(made.change) }] as const] : [];
  });
}

/** Of all log entries from a sequence on, the oldest first. */
async function changesFrom(
  from: Sequence,
  store: Pick<Store, "tail">,
  signal: AbortSignal,
): Promise<readonly { readonly change: Change; readonly sequence: Sequence }[]> {
  const logs: StoreRecord[] = [];
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const tail = store.tail("records", {
    batch(entries) {
      for (const { record } of entries) {
        if (recordKind(record.key) === "log" && record.sequence >= from) logs.push(record);
      }
    },
    reset: () => {
      logs.length = 0;
    },
    synced: () => resolve(),
  });
  signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  await promise.finally(() => tail.stop());
  return logs
    .sort((a, b) => a.sequence - b.sequence)
    .flatMap(({ key, value, sequence }) => logEntry(value, key).changes.map((change) => ({ change, sequence })));
}

function formBefore({ key, before }: Change): MeshRecord | undefined {
  const record = before === undefined ? undefined : decodeMeshRecord(recordOf(key as RecordKey, before));
  return record?.kind === "object" ? record : undefined;
}

function recordOf(key: RecordKey, value: unknown): StoreRecord {
  return { key, value, sequence: 0, operations: [], epoch: 0 };
}

const file = "held_endpoints.json";
const decodeFile = object({ incarnation: text(128), shards: list(object({ key: text(4_096), shard: decodeShard })) });

export interface KeptShardsOptions {
  readonly state: StateDirectory;
  readonly clock: Clock;
  readonly log: Logger;
  readonly incarnation: () => string;
}

export class KeptShards {
  readonly #options: KeptShardsOptions;
  #pending: Timer | undefined;
  #written: string | undefined;

  constructor(options: KeptShardsOptions) {
    this.#options = options;
  }

  read(): ReadonlyMap<RecordKey, MeshRecord> {
    const { state, log, incarnation } = this.#options;
    try {
      this.#written = state.read(file);
      const found = this.#written === undefined ? undefined : parseJson(this.#written, decodeFile, file);
      if (found?.incarnation !== incarnation()) return new Map();
      return new Map(found.shards.map(mapped));
    } catch (cause) {
      log.error("held endpoints cannot be read; those in the store are served", { file, because: String(cause) });
      return new Map();
    }
  }

  /** What is held may be something else now. */
  changed(now: () => Iterable<readonly [RecordKey, MeshRecord]>): void {
    this.#pending ??= this.#options.clock.after(limits.brakeKeepMs, () => {
      this.#pending = undefined;
      this.#write([...now()]);
    });
  }

  stop(): void {
    this.#pending?.cancel();
  }

  #write(held: readonly (readonly [RecordKey, MeshRecord])[]): void {
    const { state, log, incarnation } = this.#options;
    const shards = held.flatMap(([key, record]) => (record.kind === "shard" ? [{ key, shard: record.shard }] : []));
    const said = shards.length === 0 ? undefined : JSON.stringify({ incarnation: incarnation(), shards });
    if (said === this.#written) return;
    try {
      if (said === undefined) state.remove(file);
      else state.write(file, said);
      this.#written = said;
    } catch (cause) {
      log.error("held endpoints cannot be kept; a node that starts would not know them", { because: String(cause) });
    }
  }
}

function mapped({ key, shard }: Decoded<typeof decodeFile>["shards"][number]): readonly [RecordKey, MeshRecord] {
  return [key as RecordKey, { kind: "shard", shard }];
}
