/**
 * How many proxies are given their first configuration at a time. One costs milliseconds of the event loop, and what is on
 * its way to it memory; a thousand that come at once, because their node died, would hold up every change to those that
 * were here before. So they stand in line for a seat. How many seats there are follows how late the event loop runs: one
 * more while it is in time and somebody waits, half of them when it is late. While changes go out to others there are the
 * fewest: a megabyte for each seat is on its way then, and a change waits behind it in the kernel and at the proxies' hosts.
 * A seat is given back when the proxy has taken what it asked for, and after limits.xdsSeatMs from a proxy that is far away, or
 * does not read. What those with a seat say, and long requests of whomever (a thousand names at a time), is taken up in slices
 * of limits.xdsArrivalSliceMs, between which everybody else has a turn.
 */
import type { Clock, Timer } from "../platform/clock.ts";
import { limits } from "../platform/limits.ts";
import { SlicedWork } from "./sliced_work.ts";

export interface Arrival {
  /** Called once, when it has a seat; at once where there is one. */
  readonly begin: () => void;
  /** It did not leave in its time, and has no seat any more. */
  readonly late: () => void;
}

export class Arrivals {
  readonly #clock: Clock;
  readonly #waiting = new Set<Arrival>();
  readonly #seated = new Map<Arrival, Timer>();
  readonly #said: SlicedWork;
  #seats: number = limits.xdsSeatsAtFirst;
  #watching: Timer | undefined;
  #lookedMs = 0;
  #fewUntilMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#said = new SlicedWork(() => {
      const untilMs = clock.monotonicMs() + limits.xdsArrivalSliceMs;
      return () => clock.monotonicMs() < untilMs;
    });
  }

  /** In line. */
  get waiting(): number {
    return this.#waiting.size;
  }

  get seats(): number {
    return this.#seats;
  }

  enter(arrival: Arrival): void {
    this.#waiting.add(arrival);
    this.#watch();
    this.#seat();
  }

  /** It has what it came for, or is gone. */
  leave(arrival: Arrival): void {
    this.#waiting.delete(arrival);
    this.#seated.get(arrival)?.cancel();
    if (this.#seated.delete(arrival)) this.#seat();
  }

  /** A change goes out to those that were here before. */
  giveWay(): void {
    this.#seats = limits.xdsSeatsAtLeast;
    this.#fewUntilMs = this.#clock.monotonicMs() + limits.xdsFewSeatsMs;
  }

  /** In its order, soon. */
  inTurn(work: () => void): void {
    this.#said.add(work);
  }

  #seat(): void {
    for (const arrival of this.#waiting) {
      if (this.#seated.size >= this.#seats) return;
      this.#waiting.delete(arrival);
      const timer = this.#clock.after(limits.xdsSeatMs, () => {
        this.leave(arrival);
        arrival.late();
      });
      this.#seated.set(arrival, timer);
      arrival.begin();
    }
  }

  #watch(): void {
    if (this.#watching) return;
    this.#lookedMs = this.#clock.monotonicMs();
    this.#watching = this.#clock.every(limits.xdsLookMs, () => this.#look());
  }

  #look(): void {
    const nowMs = this.#clock.monotonicMs();
    const lateMs = nowMs - this.#lookedMs - limits.xdsLookMs;
    this.#lookedMs = nowMs;
    if (lateMs > limits.xdsLateMs) this.#seats = Math.max(limits.xdsSeatsAtLeast, Math.floor(this.#seats / 2));
    else if (this.#waiting.size > 0 && nowMs >= this.#fewUntilMs)
      this.#seats = Math.min(limits.xdsSeatsAtMost, this.#seats + 1);
    this.#seat();
    if (this.#waiting.size + this.#seated.size > 0) return;
    this.#watching?.cancel();
    this.#watching = undefined;
  }
}
