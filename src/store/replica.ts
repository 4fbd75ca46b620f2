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
 *
 * What it holds is not believed blindly. Each append leaves a checksum, which nodes compare
 * (meshd/cluster/agreement.ts), and what is shown is looked at again, a little each second: an object that changed in
 * memory, or a node that disagrees, makes the stream be read anew. Meanwhile the old reading stays on show.
 */

import type { Revision } from "../model/names.ts";
import type { Clock, Timer } from "../platform/clock.ts";
import { WeftError } from "../platform/error.ts";
import { limits } from "../platform/limits.ts";
import { recordKind } from "./keys.ts";
import type { Mark } from "./marks.ts";
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
  readonly decode: (record: StoreRecord, before?: T) => T;
  /** Records of which only the object is read; their value is let go. Absent: none. */
  readonly isLean?: (key: RecordKey) => boolean;
  /** What of the records is held, by a key's first token. Absent: all but the log. */
  readonly kinds?: readonly string[];
}

/** Why a stream was read anew although it is the same: its objects changed in memory, or other nodes hold others. */
export type Doubt = "memory" | "nodes";

/** Where a stream's copy was lately, and with what checksum. */
export interface MarkedStream {
  readonly incarnation: string;
  /** What is held; copies of other kinds differ rightly. */
  readonly kinds: string;
  /** The newest last. */
  readonly marks: readonly Mark[];
}

const streamNames: readonly StreamName[] = ["records", "endpoints"];

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
  readonly #tails: Readonly<Record<StreamName, Tail>>;
  readonly #listeners = new Set<Listener>();
  readonly #waiters = new Waiters();
  readonly #looking: Timer;
  /** How often a stream was read anew, by why. */
  readonly rereads: Record<Doubt, number> = { memory: 0, nodes: 0 };

  constructor(options: ReplicaOptions<T>) {
    this.#options = options;
    this.#sides = { records: this.#side("records"), endpoints: this.#side("endpoints") };
    this.#tails = { records: this.#follow("records"), endpoints: this.#follow("endpoints") };
    this.#looking = options.clock.every(limits.replicaLookMs, () => this.#lookAgain());
  }

  async close(): Promise<void> {
    this.#looking.cancel();
    this.#waiters.rejectAll(closed());
    await Promise.all(Object.values(this.#tails).map((tail) => tail.stop()));
  }

  /** Reads a stream anew from the leader; what is shown stays until that is complete. */
  reread(stream: StreamName, doubt: Doubt): void {
    this.rereads[doubt]++;
    this.#tails[stream].again(doubt === "memory" ? "an object changed in memory" : "other nodes hold other records");
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

  /** Of everything that is shown of a stream, tombstones too. */
  keys(stream: StreamName): readonly RecordKey[] {
    return this.#sides[stream].shown?.keys() ?? [];
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

  /** How far a stream is shown. */
  mark(stream: StreamName): { readonly incarnation: string; readonly sequence: Sequence } {
    const { shown } = this.#sides[stream];
    return {
      incarnation: shown?.incarnation ?? this.#options.store.incarnation(stream),
      sequence: shown?.position ?? 0,
    };
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

  /** The last positions at which the copy was whole; undefined while it is read. */
  marked(stream: StreamName): MarkedStream | undefined {
    const { shown, filling } = this.#sides[stream];
    if (!shown || filling) return undefined;
    const kinds = stream === "records" ? (this.#options.kinds ?? []).join() : "";
    return { incarnation: shown.incarnation, kinds, marks: shown.marks.newest(limits.checksumMarks) };
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
    return { shown: undefined, filling: new Table(incarnation, this.#options), freshAtMs: undefined };
  }

  #follow(stream: StreamName): Tail {
    const side = this.#sides[stream];
    const { store, clock, kinds } = this.#options;
    let broken: RecordKey[] = [];
    let unread = 0;
    return store.tail(stream, {
      ...(stream === "records" && kinds && { kinds }),
      batch: (entries, sequence) => {
        const table = side.filling ?? side.shown;
        // What a tail passes twice has been applied.
        if (!table || sequence <= table.position) return;
        if (table.position + entries.length + unread < sequence) table.marks.torn(clock.monotonicMs());
        const keys = this.#apply(side, table, entries);
        keys.push(...broken);
        broken = [];
        unread = 0;
        table.position = sequence;
        table.mark();
        if (table === side.shown) this.#publish(stream, keys, sequence, false);
      },
      undecodable: (key, sequence, because) => {
        const table = side.filling ?? side.shown;
        if (!table || sequence <= table.position) return;
        unread++;
        if (!this.#holds(key)) return;
        table.undecodable(key, sequence, because, side.shown?.get(key));
        broken.push(key);
      },
      reset: () => {
        broken = [];
        unread = 0;
        side.freshAtMs = undefined;
        side.filling = new Table(store.incarnation(stream), this.#options);
      },
      synced: (sequence, incarnation, askedMs) => {
        const table = side.filling;
        if (!table) return;
        table.position = Math.max(table.position, sequence);
        if (incarnation !== undefined) table.incarnation = incarnation;
        side.freshAtMs = askedMs ?? clock.monotonicMs();
        this.#show(stream, side, table);
      },
      fresh: (_, askedMs) => {
        side.freshAtMs = askedMs;
        const table = side.filling ?? side.shown;
        table?.marks.whole(askedMs);
        table?.mark();
      },
    });
  }

  #holds(key: RecordKey): boolean {
    const kind = recordKind(key);
    return kind === "endpoints" || (this.#options.kinds?.includes(kind) ?? kind !== "log");
  }

  #apply(side: Side<T>, table: Table<T>, entries: readonly Entry[]): RecordKey[] {
    const keys: RecordKey[] = [];
    for (const entry of entries) {
      const { key } = entry.record;
      if (!this.#holds(key)) continue;
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
    const keys = new Set([...(before?.keys() ?? []), ...table.keys()]);
    this.#publish(stream, [...keys], table.position, true);
  }

  #lookAgain(): void {
    for (const stream of streamNames) {
      const { shown, filling } = this.#sides[stream];
      if (!filling && shown?.lookAgain(partOf(shown.size)) !== undefined) this.reread(stream, "memory");
    }
  }

  #publish(stream: StreamName, keys: readonly RecordKey[], position: Sequence, reset: boolean): void {
    for (const listener of this.#listeners) listener({ stream, keys, position, reset });
    this.#waiters.check();
  }

  #token(stream: StreamName): Revision {
    const { incarnation, sequence } = this.mark(stream);
    return revisionOf(incarnation, sequence);
  }
}

/** Of so many objects, those that one look takes for all to be seen in a round. */
function partOf(size: number): number {
  const part = Math.ceil((size * limits.replicaLookMs) / limits.replicaRoundMs);
  return Math.min(part, limits.replicaLookObjects);
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
