/** A clock that only the test moves. Timers fire in the order of their due times, then of their making. */
import type { Clock, Timer } from "../../src/platform/clock.ts";

interface Due {
  readonly atMs: number;
  readonly order: number;
  readonly periodMs: number | undefined;
  readonly action: () => void;
}

export class ManualClock implements Clock {
  #nowMs: number;
  #order = 0;
  #due: Due[] = [];

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#nowMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, action: () => void): Timer {
    return this.#schedule(delayMs, undefined, action);
  }

  every(periodMs: number, action: () => void): Timer {
    return this.#schedule(periodMs, periodMs, action);
  }

  /** Moves time on, firing what falls due on the way; promises settled by a timer run before the next one. */
  async advance(byMs: number): Promise<void> {
    const endMs = this.#nowMs + byMs;
    for (let next = this.#next(endMs); next; next = this.#next(endMs)) {
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      this.#due = this.#due.filter((due) => due !== next);
      if (next.periodMs !== undefined) this.#due.push({ ...next, atMs: next.atMs + next.periodMs });
      next.action();
      await settled();
    }
    this.#nowMs = endMs;
    await settled();
  }

  #next(endMs: number): Due | undefined {
    return this.#due.filter((due) => due.atMs <= endMs).sort((a, b) => a.atMs - b.atMs || a.order - b.order)[0];
  }

  #schedule(delayMs: number, periodMs: number | undefined, action: () => void): Timer {
    const order = this.#order++;
    this.#due.push({ atMs: this.#nowMs + Math.max(0, delayMs), order, periodMs, action });
    return {
      cancel: () => {
        this.#due = this.#due.filter((due) => due.order !== order);
      },
    };
  }
}

/** Lets every promise that is already settled run its continuations. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
