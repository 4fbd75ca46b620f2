/**
 * In what order, and how often, streams that owe something have their turn. In slices, so that the event loop stays free
 * while a change goes to thousands. And in rounds: whoever comes due meanwhile is of the next one. As long as changes come
 * one by one, each begins a round at once. When they come faster than proxies answer, rounds are kept apart, and what
 * comes due between them goes together: sending less often, the node has time to read answers and the next changes.
 */
import type { Clock } from "../platform/clock.ts";
import { limits } from "../platform/limits.ts";

export interface RoundsOptions<T> {
  readonly clock: Clock;
  /** How long a slice may be now. */
  readonly sliceMs: () => number;
  readonly serve: (due: T) => void;
}

export class Rounds<T> {
  readonly #clock: Clock;
  readonly #sliceMs: () => number;
  readonly #serve: (due: T) => void;
  /** Of the round that is on its way, not served yet. */
  #left = new Set<T>();
  #next = new Set<T>();
  /** A round is on its way, or to come. */
  #busy = false;
  #apartUntilMs = 0;

  constructor({ clock, sliceMs, serve }: RoundsOptions<T>) {
    this.#clock = clock;
    this.#sliceMs = sliceMs;
    this.#serve = serve;
  }

  add(due: T): void {
    if (!this.#left.has(due)) this.#next.add(due);
  }

  delete(due: T): void {
    this.#left.delete(due);
    this.#next.delete(due);
  }

  /** Begins a round now, unless one is on its way or to come: then those who were added have their turn in the next. */
  begin(): void {
    if (this.#busy) return;
    this.#busy = true;
    this.#begin();
  }

  /** As `begin`, but in the time that rounds are kept apart: somebody has answered, and more is owed already. */
  beginApart(): void {
    if (this.#busy) return;
    this.#busy = true;
    this.#beginApart();
  }

  #begin(): void {
    this.#left = this.#next;
    // Each table of a set that grows and shrinks refers to the next: once one of them is old, V8 takes none of them for young.
    this.#next = new Set();
    this.#apartUntilMs = this.#clock.monotonicMs() + this.#left.size * limits.xdsApartMs;
    this.#slice();
  }

  #beginApart(): void {
    const waitMs = this.#apartUntilMs - this.#clock.monotonicMs();
    // Nobody is late by the length of a timer's shortest wait who need not be.
    if (waitMs < 1) setImmediate(() => this.#begin());
    else this.#clock.after(waitMs, () => this.#begin());
  }

  #slice(): void {
    const untilMs = this.#clock.monotonicMs() + this.#sliceMs();
    try {
      for (const due of this.#left) {
        this.#left.delete(due);
        this.#serve(due);
        if (this.#clock.monotonicMs() >= untilMs) break;
      }
    } finally {
      // Also when one of them failed: the others have their turns.
      if (this.#left.size > 0) setImmediate(() => this.#slice());
      else this.#end();
    }
  }

  #end(): void {
    this.#busy = this.#next.size > 0;
    if (this.#busy) this.#beginApart();
  }
}
