/**
 * Which actors are to be woken: those whose record says they are due, and those of kinds that always run. It is fed by
 * the tail of the records, so it holds for every node and outlives any: whoever the view places the actor on wakes it.
 * A wake that was lost comes again with the next sweep, until the record says otherwise.
 */
import { integer, object, text } from "../../platform/decode.ts";
import { recordKind } from "../../store/keys.ts";
import type { Entry, RecordKey, TailHandler } from "../../store/store.ts";
import type { HostedKind } from "./kind_host.ts";

interface Known {
  readonly kind: HostedKind;
  readonly id: string;
  readonly dueAtMs: number | undefined;
}

// Only what is needed here; the state is read by the actor itself.
const decodeHead = object({ id: text(1024) }, { dueAtMs: integer(0) });

export class Wakes implements TailHandler {
  readonly #kinds: ReadonlyMap<string, HostedKind>;
  readonly #known = new Map<RecordKey | string, Known>();

  constructor(kinds: ReadonlyMap<string, HostedKind>) {
    this.#kinds = kinds;
  }

  get kinds(): readonly string[] {
    return [...this.#kinds.keys()];
  }

  /** An actor that always runs, also before it has a record. */
  always(kind: HostedKind, id: string): void {
    this.#known.set(`always ${kind.name} ${id}`, { kind, id, dueAtMs: undefined });
  }

  batch(entries: readonly Entry[]): void {
    for (const { record } of entries) {
      const kind = this.#kinds.get(recordKind(record.key));
      if (kind) this.#note(record.key, kind, record.value);
    }
  }

  reset(): void {
    for (const key of this.#known.keys()) if (!key.startsWith("always ")) this.#known.delete(key);
  }

  synced(): void {}

  /** Those to be woken now, wherever they belong. */
  due(nowMs: number): { readonly kind: HostedKind; readonly id: string }[] {
    return [...this.#known.values()].filter(({ kind, id, dueAtMs }) => {
      if (kind.wake === undefined) return false;
      return (dueAtMs !== undefined && dueAtMs <= nowMs) || (kind.runs === "always" && !kind.isActive(id));
    });
  }

  #note(key: RecordKey, kind: HostedKind, value: unknown): void {
    this.#known.delete(key);
    if (value === undefined) return;
    try {
      const { id, dueAtMs } = decodeHead(value, key);
      if (dueAtMs !== undefined || kind.runs === "always") this.#known.set(key, { kind, id, dueAtMs });
    } catch {
      // A record that cannot be read wakes nobody; its actor says why to whoever asks it.
    }
  }
}
