/**
 * The whole truth, warm, in memory, on every node: both streams, tailed from their first records, published at the ends
 * of appends. Everything that compiles, serves or decides reads here; nothing waits for the store.
 *
 * What is shown is always a state the stream really had. Until a stream has been read once nothing of it is shown. When
 * it is read anew (another incarnation, a sequence that fell) what was held stays on show until the new reading is
 * complete, then changes in one step, with `reset`.
 *
 * `endpoints` is gentler still, because an empty answer there would stop traffic: after a reset, what a source had said
 * of a service is carried on until that source writes of that service again, or `release` says that it never will.
 *
 * Log records are passed over: history is read from the store, not from memory.
 */

import type { Revision } from "../model/names.ts";
import type { Clock } from "../platform/clock.ts";
import { WeftError } from "../platform/error.ts";
import { recordKind } from "./keys.ts";
import {
  type Entry,
  type RecordKey,
  revisionOf,
  type Sequence,
  type Store,
  type StoreRecord,
  type StreamName,
  type Tail,
} from "./store.ts";
import { type Held, type RecordProblem, Table } from "./table.ts";
import { Waiters } from "./waiters.ts";

export type { Held, RecordProblem } from "./table.ts";

export interface ReplicaChange {
  readonly stream: StreamName;
  /** Keys whose object may be another one now; deleted ones among them. */
  readonly keys: readonly RecordKey[];
  /** Last sequence of the append that was published. */
  readonly position: Sequence;
  /** The stream was read anew: `keys` are all there are and were. */
  readonly reset: boolean;
}

export interface ReplicaOptions<T> {
  readonly store: Store;
  readonly clock: Clock;
  /** A record's value as a typed object. What it throws marks the record; the object stays as last understood. */
  readonly decode: (record: StoreRecord) => T;
}

type Listener = (change: ReplicaChange) => void;

interface Side<T> {
  /** What is shown; undefined before the stream has been read once. */
  shown: Table<T> | undefined;
  /** The reading under way. */
  filling: Table<T> | undefined;
  freshAtMs: number | undefined;
}

export class Replica<T> {
  readonly #options: ReplicaOptions<T>;
  readonly #sides: Readonly<Record<StreamName, Side<T>>>;
  readonly #tails: readonly Tail[];
  readonly #listeners = new Set<Listener>();
  readonly #waiters = new Waiters();

  constructor(options: ReplicaOptions<T>) {
    this.#options = options;
    this.#sides = { records: this.#side("records"), endpoints: this.#side("endpoints") };
    this.#tails = [this.#follow("records"), this.#follow("endpoints")];
  }

  async close(): Promise<void> {
    this.#waiters.rejectAll(closed());
    await Promise.all(this.#tails.map((tail) => tail.stop()));
  }

  /** The live object at `key`, of either stream. */
  get(key: RecordKey): Held<T> | undefined {
    return this.#sides[streamOf(key)].shown?.get(key);
  }

  /** The live objects under a dotted prefix of whole tokens: "workload", "object.virtualservice", "endpoints.default.reviews". */
  list(prefix: string): readonly Held<T>[] {
    return this.#sides[streamOf(prefix)].shown?.list(prefix) ?? [];
  }

  /** The record itself, tombstones too: what a compare-and-set names as seen. */
  record(key: RecordKey): StoreRecord | undefined {
    return this.#sides[streamOf(key)].shown?.record(key);
  }

  /** Records that cannot be decoded; their objects are shown as last understood. */
  problems(): readonly RecordProblem[] {
    const { records, endpoints } = this.#sides;
    return [...(records.shown?.problems() ?? []), ...(endpoints.shown?.problems() ?? [])];
  }

  /** Both streams have been read up to a barrier that their leaders named. */
  get synced(): boolean {
    return this.#sides.records.shown !== undefined && this.#sides.endpoints.shown !== undefined;
  }

  position(): Readonly<Record<StreamName, Sequence>> {
    const { records, endpoints } = this.#sides;
    return { records: records.shown?.position ?? 0, endpoints: endpoints.shown?.position ?? 0 };
  }

  /** What is shown of `records`. */
  revision(): Revision {
    return this.#token("records");
  }

  /** What is shown of `endpoints`; `waitFor` takes it as it takes a revision. */
  endpointsToken(): Revision {
    return this.#token("endpoints");
  }

  /** Equal on two nodes at equal revision and token, or one of them is wrong. */
  checksum(stream: StreamName): string {
    return this.#sides[stream].shown?.checksum() ?? "";
  }

  /** Milliseconds since all of both streams, as their leaders named it, was known to be shown; Infinity before that. */
  staleMs(): number {
    const { records, endpoints } = this.#sides;
    if (records.freshAtMs === undefined || endpoints.freshAtMs === undefined) return Number.POSITIVE_INFINITY;
    return this.#options.clock.monotonicMs() - Math.min(records.freshAtMs, endpoints.freshAtMs);
  }

  /** Called once at the end of each append. A listener that throws is a broken invariant. */
  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async whenSynced(signal?: AbortSignal): Promise<void> {
    await this.#waiters.until(() => this.synced, signal);
  }

  /**
   * Resolves when the append that a token of either stream names is shown. A token of another incarnation is a
   * conflict: that store is gone, and whether what was written is in this one nobody knows.
   */
  async waitFor(token: Revision | string, signal?: AbortSignal): Promise<void> {
    const { incarnation, sequence } = tokenFrom(token);
    await this.#waiters.until(() => {
      const sides = Object.values(this.#sides);
      const side = sides.find(({ shown }) => shown?.incarnation === incarnation);
      if (side?.shown) return side.shown.position >= sequence;
      if (this.synced && sides.every(({ filling }) => filling === undefined)) throw otherIncarnation(token);
      return false;
    }, signal);
  }

  /** Ends the carrying of endpoints whose source will not write again: a host that is gone, a source taken away. */
  release(matches: (key: RecordKey) => boolean): void {
    const table = this.#sides.endpoints.shown;
    const keys = table?.drop(matches) ?? [];
    if (table && keys.length > 0) this.#publish("endpoints", keys, table.position, false);
  }

  #side(stream: StreamName): Side<T> {
    const incarnation = this.#options.store.incarnation(stream);
    return { shown: undefined, filling: new Table(incarnation, this.#options.decode), freshAtMs: undefined };
  }

  #follow(stream: StreamName): Tail {
    const side = this.#sides[stream];
    const { store, clock, decode } = this.#options;
    let broken: RecordKey[] = [];
    return store.tail(stream, {
      batch: (entries, sequence) => {
        const table = side.filling ?? side.shown;
        // What a tail passes twice has been applied.
        if (!table || sequence <= table.position) return;
        const keys = this.#apply(side, table, entries);
        keys.push(...broken);
        broken = [];
        table.position = sequence;
        if (table === side.shown) this.#publish(stream, keys, sequence, false);
      },
      undecodable: (key, sequence, because) => {
        const table = side.filling ?? side.shown;
        if (!table || sequence <= table.position || recordKind(key) === "log") return;
        table.undecodable(key, sequence, because, side.shown?.get(key));
        broken.push(key);
      },
      reset: () => {
        broken = [];
        side.freshAtMs = undefined;
        side.filling = new Table(store.incarnation(stream), decode);
      },
      synced: (sequence, incarnation) => {
        const table = side.filling;
        if (!table) return;
        table.position = Math.max(table.position, sequence);
        if (incarnation !== undefined) table.incarnation = incarnation;
        this.#show(stream, side, table);
      },
      fresh: () => {
        side.freshAtMs = clock.monotonicMs();
      },
    });
  }

  #apply(side: Side<T>, table: Table<T>, entries: readonly Entry[]): RecordKey[] {
    const keys: RecordKey[] = [];
    for (const entry of entries) {
      const { key } = entry.record;
      if (recordKind(key) === "log") continue;
      table.apply(entry, table === side.shown ? undefined : side.shown?.get(key));
      keys.push(key, ...dropSaidAgain(table, key));
    }
    return keys;
  }

  /** A reading is complete: it takes the place of what was shown. */
  #show(stream: StreamName, side: Side<T>, table: Table<T>): void {
    const before = side.shown;
    if (before && stream === "endpoints") carryOn(before, table);
    side.shown = table;
    side.filling = undefined;
    side.freshAtMs = this.#options.clock.monotonicMs();
    const keys = new Set([...(before?.keys() ?? []), ...table.keys()]);
    this.#publish(stream, [...keys], table.position, true);
  }

  #publish(stream: StreamName, keys: readonly RecordKey[], position: Sequence, reset: boolean): void {
    for (const listener of this.#listeners) listener({ stream, keys, position, reset });
    this.#waiters.check();
  }

  #token(stream: StreamName): Revision {
    const { shown } = this.#sides[stream];
    return revisionOf(shown?.incarnation ?? this.#options.store.incarnation(stream), shown?.position ?? 0);
  }
}

function streamOf(prefix: string): StreamName {
  return recordKind(prefix as RecordKey) === "endpoints" ? "endpoints" : "records";
}

/** endpoints.NS.SERVICE.SOURCE: what one source says of one service, in as many shards as it takes. */
function setOf(key: RecordKey): string {
  return key.split(".").slice(0, 4).join(".");
}

/** What was shown goes on being shown for every source that has not written of the same service since. */
function carryOn<T>(before: Table<T>, table: Table<T>): void {
  for (const key of before.keys()) {
    const held = before.get(key);
    if (held && !table.hasWritten(setOf(key))) table.carry(held);
  }
}

function dropSaidAgain<T>(table: Table<T>, written: RecordKey): RecordKey[] {
  const set = setOf(written);
  return table.drop((key) => setOf(key) === set);
}

function tokenFrom(token: string): { incarnation: string; sequence: Sequence } {
  const [, incarnation, digits] = /^(.+)-(\d{1,15})$/.exec(token) ?? [];
  if (incarnation && digits) return { incarnation, sequence: Number(digits) };
  throw new WeftError({
    code: "invalid",
    retry: "never",
    attempted: `wait for ${JSON.stringify(token)}`,
    because: "it is not a revision: INCARNATION-SEQUENCE",
  });
}

function otherIncarnation(token: string): WeftError {
  return new WeftError({
    code: "conflict",
    retry: "never",
    attempted: `wait for ${token}`,
    because: "it is of another store than the one there is now",
    next: "look at what is there and write again what is missing",
  });
}

function closed(): WeftError {
  return new WeftError({ code: "cancelled", retry: "elsewhere", attempted: "wait", because: "this node is stopping" });
}
