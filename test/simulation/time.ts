/**
 * The simulator's time. One queue of what will happen, in the order of virtual time and then of its making; nothing else
 * moves. After each event every promise that is settled runs to its end before the next event, so a schedule is a pure
 * function of its seed.
 */
import type { Clock, Timer } from "../../src/platform/clock.ts";
import { settled } from "../support/manual_clock.ts";

interface Pending {
  readonly atMs: number;
  readonly order: number;
  readonly action: () => void;
  cancelled: boolean;
}

const epochMs = Date.UTC(2026, 0, 1);

export class VirtualTime implements Clock {
  readonly virtual = true;
  events = 0;
  #nowMs = 0;
  #order = 0;
  /** A binary heap. */
  readonly #pending: Pending[] = [];

  /** Since the schedule began. */
  get elapsedMs(): number {
    return this.#nowMs;
  }

  nowMs(): number {
    return epochMs + Math.floor(this.#nowMs);
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, action: () => void): Timer {
    const pending = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, action, cancelled: false };
    this.#push(pending);
    return {
      cancel: () => {
        pending.cancelled = true;
      },
    };
  }

  every(periodMs: number, action: () => void): Timer {
    return repeat(this, periodMs, action);
  }

  /** Lets everything happen that is due up to `untilMs`, unless `stop` says that it is enough. */
  async run(untilMs: number, stop: () => boolean): Promise<void> {
    await settled();
    for (let next = this.#pending[0]; next && next.atMs <= untilMs && !stop(); next = this.#pending[0]) {
      this.#pop();
      if (next.cancelled) continue;
      this.#nowMs = next.atMs;
      this.events++;
      next.action();
      await drained();
      // Whoever shares the thread (a test's time limit, a signal) gets a turn now and then.
      if (this.events % 4_096 === 0) await settled();
    }
    if (!stop()) this.#nowMs = untilMs;
  }

  #push(pending: Pending): void {
    const heap = this.#pending;
    let at = heap.length;
    heap.push(pending);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (!above || isBefore(above, pending)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = pending;
  }

  #pop(): void {
    const heap = this.#pending;
    const last = heap.pop();
    if (!last || heap.length === 0) return;
    let at = 0;
    for (;;) {
      const left = heap[2 * at + 1];
      const right = heap[2 * at + 2];
      const least = left && right && isBefore(right, left) ? right : left;
      if (!least || isBefore(last, least)) break;
      heap[at] = least;
      at = 2 * at + (least === left ? 1 : 2);
    }
    heap[at] = last;
  }
}

/** Resolves when every promise that is settled has run, and those that this settled: a tick waits for all microtasks. */
function drained(): Promise<void> {
  return new Promise((resolve) => process.nextTick(resolve));
}

function isBefore(a: Pending, b: Pending): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

function repeat(clock: Pick<Clock, "after">, periodMs: number, action: () => void): Timer {
  let stopped = false;
  let timer: Timer | undefined;
  const arm = (): void => {
    timer = clock.after(periodMs, () => {
      if (stopped) return;
      arm();
      action();
    });
  };
  arm();
  return {
    cancel: () => {
      stopped = true;
      timer?.cancel();
    },
  };
}

/**
 * One process, as a clock of its own and as the only way in. While it is paused (SIGSTOP) whatever reaches it waits, its
 * timers among that, and comes in any order when it goes on; once it has ended nothing reaches it any more.
 */
export class Process implements Clock {
  readonly virtual = true;
  /** How far its wall clock is off, ms. */
  offsetMs = 0;
  readonly #time: VirtualTime;
  readonly #shuffleMs: () => number;
  #state: "running" | "paused" | "ended" = "running";
  #held: (() => void)[] = [];

  constructor(time: VirtualTime, shuffleMs: () => number) {
    this.#time = time;
    this.#shuffleMs = shuffleMs;
  }

  get state(): "running" | "paused" | "ended" {
    return this.#state;
  }

  nowMs(): number {
    return this.#time.nowMs() + this.offsetMs;
  }

  monotonicMs(): number {
    return this.#time.monotonicMs();
  }

  after(delayMs: number, action: () => void): Timer {
    let cancelled = false;
    const timer = this.#time.after(delayMs, () => this.enter(() => !cancelled && action()));
    return {
      cancel: () => {
        cancelled = true;
        timer.cancel();
      },
    };
  }

  every(periodMs: number, action: () => void): Timer {
    return repeat(this, periodMs, action);
  }

  enter(action: () => void): void {
    if (this.#state === "running") action();
    else if (this.#state === "paused") this.#held.push(action);
  }

  pause(): void {
    if (this.#state === "running") this.#state = "paused";
  }

  resume(): void {
    if (this.#state !== "paused") return;
    this.#state = "running";
    for (const action of this.#held.splice(0)) this.#time.after(this.#shuffleMs(), () => this.enter(action));
  }

  end(): void {
    this.#state = "ended";
    this.#held = [];
  }
}
