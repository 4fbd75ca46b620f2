/** A tail's handler that remembers what it was told, and lets a test wait for it. */
import type { Entry, RecordKey, Sequence, TailHandler } from "../../src/store/store.ts";

export interface SeenBatch {
  readonly keys: readonly RecordKey[];
  readonly values: readonly unknown[];
  readonly sequence: Sequence;
}

export class TailRecorder implements TailHandler {
  batches: SeenBatch[] = [];
  readonly resets: string[] = [];
  readonly bad: RecordKey[] = [];
  syncedAt: Sequence | undefined;
  incarnation: string | undefined;
  readonly #waiting = new Set<() => void>();

  batch(entries: readonly Entry[], sequence: Sequence): void {
    const keys = entries.map(({ record }) => record.key);
    this.batches.push({ keys, values: entries.map(({ record }) => record.value), sequence });
    this.#changed();
  }

  reset(reason: string): void {
    this.resets.push(reason);
    this.batches = [];
    this.syncedAt = undefined;
    this.#changed();
  }

  synced(sequence: Sequence, incarnation?: string): void {
    this.syncedAt = sequence;
    this.incarnation = incarnation;
    this.#changed();
  }

  undecodable(key: RecordKey): void {
    this.bad.push(key);
    this.#changed();
  }

  get position(): Sequence {
    return Math.max(this.syncedAt ?? 0, this.batches.at(-1)?.sequence ?? 0);
  }

  /** Resolves as soon as `holds`, asked whenever something came. */
  until(holds: (recorder: this) => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (!holds(this)) return;
        this.#waiting.delete(check);
        resolve();
      };
      this.#waiting.add(check);
      check();
    });
  }

  #changed(): void {
    for (const check of this.#waiting) check();
  }
}
