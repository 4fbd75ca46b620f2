/**
 * All that the two streams said while a scenario ran: which operations each record had, at which sequence, under which
 * epoch. A record that is overwritten before it was seen is known by the operations that its successor remembers; log
 * entries are never overwritten. So `0 applied twice` and `epochs never fall` are read off the store itself.
 */
import { setTimeout as wait } from "node:timers/promises";
import { recordKind } from "../../src/store/keys.ts";
import type { Entry, LogEntry, Store, StreamName, Tail } from "../../src/store/store.ts";

export interface Version {
  readonly sequence: number;
  readonly epoch: number;
}

/** What tells one written value of a key from every other; undefined: it is nothing that is followed. */
export type Mark = (value: unknown) => string | undefined;

const all: readonly StreamName[] = ["records", "endpoints"];

export class StreamHistory {
  readonly #store: Store;
  readonly #mark: Mark;
  readonly #tails: readonly Tail[];
  readonly #passed = new Map<StreamName, number>();
  /** By key, then by operation: every sequence at which it was applied. */
  readonly #operations = new Map<string, Map<string, Set<number>>>();
  readonly #versions = new Map<string, Version[]>();
  readonly #latest = new Map<string, unknown>();
  /** Key and mark of what log entries say was written: how often. */
  readonly #logged = new Map<string, number>();
  readonly #logs = new Set<string>();
  readonly #resets: string[] = [];

  constructor(store: Store, mark: Mark) {
    this.#store = store;
    this.#mark = mark;
    this.#tails = all.map((stream) =>
      store.tail(stream, {
        batch: (entries, sequence) => {
          for (const entry of entries) this.#take(entry);
          this.#passed.set(stream, sequence);
        },
        reset: (reason) => this.#resets.push(`${stream}: ${reason}`),
        synced: (sequence) => this.#passed.set(stream, Math.max(sequence, this.#passed.get(stream) ?? 0)),
      }),
    );
  }

  /** Resolves when all that the leader holds now has passed here. */
  async caughtUp(): Promise<void> {
    for (const stream of all) {
      const last = await this.#store.lastSequence(stream);
      while ((this.#passed.get(stream) ?? -1) < last) await wait(20);
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.#tails.map((tail) => tail.stop()));
    await this.#store.close();
  }

  /** Whether the record has that operation, at any time. */
  has(key: string, operation: string): boolean {
    return (this.#operations.get(key)?.get(operation)?.size ?? 0) > 0;
  }

  /** What was seen of a record, oldest first. */
  versions(key: string): readonly Version[] {
    return this.#versions.get(key) ?? [];
  }

  /** Where it was applied first. */
  sequenceOf(key: string, operation: string): number | undefined {
    const [first] = this.#operations.get(key)?.get(operation) ?? [];
    return first;
  }

  /** How many log entries say that this value was written. */
  logged(key: string, mark: string): number {
    return this.#logged.get(`${key} ${mark}`) ?? 0;
  }

  latest(key: string): unknown {
    return this.#latest.get(key);
  }

  /** Of the records whose key begins so. */
  keys(prefix: string): readonly string[] {
    return [...this.#versions.keys()].filter((key) => key.startsWith(prefix));
  }

  /** How often this tail began anew with the first record: an old leader said that the stream was shorter. */
  get resets(): readonly string[] {
    return this.#resets;
  }

  /** What must never be: an operation applied twice to one record, an epoch that falls. */
  breaches(): readonly string[] {
    const twice = [...this.#operations].flatMap(([key, operations]) =>
      [...operations].flatMap(([operation, sequences]) =>
        sequences.size > 1 ? [`${key}: ${operation} was applied at ${[...sequences].join(" and ")}`] : [],
      ),
    );
    const falls = [...this.#versions].flatMap(([key, versions]) =>
      versions.flatMap(({ epoch, sequence }, at) =>
        epoch < (versions[at - 1]?.epoch ?? 0) ? [`${key}: epoch ${epoch} at ${sequence}, after a higher one`] : [],
      ),
    );
    const logged = [...this.#logged].flatMap(([what, times]) => (times > 1 ? [`${what}: logged ${times} times`] : []));
    return [...twice, ...logged, ...falls];
  }

  #take({ record }: Entry): void {
    const { key, sequence, epoch, value } = record;
    if (recordKind(key) === "log") {
      this.#takeLog(key, value);
      return;
    }
    const operations = this.#operations.get(key) ?? new Map<string, Set<number>>();
    this.#operations.set(key, operations);
    for (const { id, sequence: at } of record.operations) {
      operations.set(id, (operations.get(id) ?? new Set()).add(at));
    }
    const versions = this.#versions.get(key) ?? [];
    this.#versions.set(key, versions);
    // A tail that begins anew passes what it has passed before.
    if (sequence <= (versions.at(-1)?.sequence ?? 0)) return;
    versions.push({ sequence, epoch });
    this.#latest.set(key, value);
  }

  #takeLog(log: string, value: unknown): void {
    if (this.#logs.has(log)) return;
    this.#logs.add(log);
    // What every node writes, see LogEntry.
    const { changes } = value as LogEntry;
    for (const { key, after } of changes) {
      const mark = this.#mark(after);
      if (mark !== undefined) this.#logged.set(`${key} ${mark}`, this.logged(key, mark) + 1);
    }
  }
}
