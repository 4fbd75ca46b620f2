/**
 * The record of one run as it is now, and on disk as soon as it changes. A disk that is full or read-only does not stop
 * the run: only an agent after this one would not know of the change.
 */
import type { Logger } from "../platform/log.ts";
import type { RunRecord, RunRecords } from "./run_record.ts";

export class KeptRecord {
  readonly #records: RunRecords;
  readonly #log: Logger;
  #now: RunRecord;
  #removed = false;

  constructor(records: RunRecords, record: RunRecord, log: Logger) {
    this.#records = records;
    this.#now = record;
    this.#log = log;
  }

  get now(): RunRecord {
    return this.#now;
  }

  get paths(): ReturnType<RunRecords["paths"]> {
    return this.#records.paths(this.#now);
  }

  change(change: Partial<RunRecord>): void {
    this.amend(change);
    // What comes late must not bring back what is gone.
    if (!this.#removed) this.#guarded("record-not-saved", () => this.#records.save(this.#now));
  }

  /** Not saved: for a run that has not begun, whose name and folder may still change. */
  amend(change: Partial<RunRecord>): void {
    this.#now = { ...this.#now, ...change };
  }

  /** @throws when it cannot be written: without it no Envoy starts. */
  saveBootstrap(bootstrap: unknown): void {
    this.#records.saveBootstrap(this.#now, bootstrap);
  }

  remove(): void {
    this.#removed = true;
    this.#guarded("record-not-removed", () => this.#records.remove(this.#now));
  }

  #guarded(event: string, work: () => void): void {
    try {
      work();
    } catch (cause) {
      this.#log.error(event, { because: String(cause) });
    }
  }
}
