/**
 * One stream's records in memory: by key, by every dotted prefix of a key, with a checksum of all of them. What a
 * replica publishes is such a table; while a stream is read anew another is filled beside it.
 *
 * A value is decoded once, when it arrives. One that cannot be decoded leaves the object as it was last understood and
 * is listed as a problem. Objects of an earlier incarnation may be carried: shown as long as their source has not
 * written its set again (see replica.ts).
 */
import { crc32 } from "node:zlib";
import { Marks } from "./marks.ts";
import { fingerprintOf } from "./record.ts";
import { type Entry, keptDecoded, type RecordKey, type Sequence, type StoreRecord } from "./store.ts";

export interface Held<T> {
  readonly key: RecordKey;
  /** Of the write that made this object; the newest record may be a later one that could not be decoded. */
  readonly sequence: Sequence;
  readonly object: T;
}

export interface RecordProblem {
  readonly key: RecordKey;
  readonly sequence: Sequence;
  readonly because: string;
}

interface Row<T> {
  /** The newest record that was an envelope; undefined before the first. */
  readonly record: StoreRecord | undefined;
  readonly held: Held<T> | undefined;
  /** Of key, sequence and stored bytes. */
  readonly fingerprint: number;
  /** Of the object as it was understood: it must not change in memory. */
  readonly shown: number;
}

// Sums of 32-bit fingerprints stay exact in a double below this.
const checksumModulus = 2 ** 52;

export interface TableOptions<T> {
  /** @param before what was understood of the key before. */
  readonly decode: (record: StoreRecord, before?: T) => T;
  /** Records of which only the object is read. */
  readonly isLean?: (key: RecordKey) => boolean;
}

export class Table<T> {
  incarnation: string;
  position: Sequence = 0;
  readonly marks = new Marks();
  readonly #options: TableOptions<T>;
  readonly #rows = new Map<RecordKey, Row<T>>();
  readonly #carried = new Map<RecordKey, Held<T>>();
  readonly #byPrefix = new Map<string, Set<RecordKey>>();
  readonly #problems = new Map<RecordKey, RecordProblem>();
  #checksum = 0;
  #looking: Iterator<[RecordKey, Row<T>]> | undefined;

  constructor(incarnation: string, options: TableOptions<T>) {
    this.incarnation = incarnation;
    this.#options = options;
  }

  /** Records, tombstones too; what is only carried does not count. */
  get size(): number {
    return this.#rows.size;
  }

  get(key: RecordKey): Held<T> | undefined {
    return this.#rows.get(key)?.held ?? this.#carried.get(key);
  }

  record(key: RecordKey): StoreRecord | undefined {
    return this.#rows.get(key)?.record;
  }

  list(prefix: string): Held<T>[] {
    const found: Held<T>[] = [];
    for (const key of this.#byPrefix.get(prefix) ?? []) {
      const held = this.get(key);
      if (held) found.push(held);
    }
    return found;
  }

  /** Whether anything, a tombstone too, was ever written under the prefix; what is only carried does not count. */
  hasWritten(prefix: string): boolean {
    return [...(this.#byPrefix.get(prefix) ?? [])].some((key) => this.#rows.has(key));
  }

  keys(): RecordKey[] {
    return [...new Set([...this.#rows.keys(), ...this.#carried.keys()])];
  }

  problems(): RecordProblem[] {
    return [...this.#problems.values()];
  }

  /** Equal on every node that has read the same stream up to the same position. */
  checksum(): string {
    return `${this.#rows.size}-${this.#checksum.toString(16)}`;
  }

  mark(): void {
    this.marks.note(this.position, this.checksum());
  }

  /** @param lastGood what was understood of the key before, when this table is filled beside another. */
  apply({ record, crc32: bytes = 0 }: Entry, lastGood?: Held<T>): void {
    const { key, sequence } = record;
    const before = this.#rows.get(key);
    const held = this.#understood(record, before?.held ?? lastGood);
    const fingerprint = crc32(`${key} ${sequence}`, bytes);
    const isDecoded = held?.sequence === sequence && this.#options.isLean?.(key);
    const kept = isDecoded ? { ...record, value: keptDecoded } : record;
    this.#set(key, before, { record: kept, held, fingerprint, shown: shownOf(held, before) });
  }

  /** A record whose bytes say nothing: the object stays as it was. */
  undecodable(key: RecordKey, sequence: Sequence, because: string, lastGood?: Held<T>): void {
    const before = this.#rows.get(key);
    this.#problems.set(key, { key, sequence, because });
    const held = before?.held ?? lastGood;
    const fingerprint = crc32(`${key} ${sequence}`);
    this.#set(key, before, { record: before?.record, held, fingerprint, shown: shownOf(held, before) });
  }

  /** Looks at the next `count` objects, after the last the first again; answers one that is not as it was understood. */
  lookAgain(count: number): RecordKey | undefined {
    for (let looked = 0; looked < count; looked++) {
      this.#looking ??= this.#rows.entries();
      const { value, done } = this.#looking.next();
      if (done) {
        this.#looking = undefined;
        return undefined;
      }
      const [key, { held, shown }] = value;
      if (held && fingerprintOf(held.object) !== shown) return key;
    }
    return undefined;
  }

  /** Shows an object of an earlier table as long as nothing of its own stands at its key. */
  carry(held: Held<T>): void {
    this.#carried.set(held.key, held);
    this.#index(held.key);
  }

  /** Stops carrying those that `matches`; answers their keys. */
  drop(matches: (key: RecordKey) => boolean): RecordKey[] {
    const dropped = [...this.#carried.keys()].filter(matches);
    for (const key of dropped) this.#carried.delete(key);
    return dropped;
  }

  #understood(record: StoreRecord, before: Held<T> | undefined): Held<T> | undefined {
    const { key, sequence } = record;
    this.#problems.delete(key);
    if (record.value === undefined) return undefined;
    try {
      return { key, sequence, object: this.#options.decode(record, before?.object) };
    } catch (cause) {
      this.#problems.set(key, { key, sequence, because: cause instanceof Error ? cause.message : String(cause) });
      return before;
    }
  }

  #set(key: RecordKey, before: Row<T> | undefined, row: Row<T>): void {
    const sum = this.#checksum - (before?.fingerprint ?? 0) + row.fingerprint;
    this.#checksum = (sum + checksumModulus) % checksumModulus;
    this.#rows.set(key, row);
    if (!before) this.#index(key);
  }

  #index(key: RecordKey): void {
    for (let dot = key.indexOf("."); dot >= 0; dot = key.indexOf(".", dot + 1)) this.#under(key.slice(0, dot)).add(key);
    this.#under(key).add(key);
  }

  #under(prefix: string): Set<RecordKey> {
    const keys = this.#byPrefix.get(prefix) ?? new Set();
    this.#byPrefix.set(prefix, keys);
    return keys;
  }
}

function shownOf<T>(held: Held<T> | undefined, before: Row<T> | undefined): number {
  if (held === undefined) return 0;
  // Not understood: what is shown is what was, and what it was then is what it must still be.
  return held === before?.held ? before.shown : fingerprintOf(held.object);
}
