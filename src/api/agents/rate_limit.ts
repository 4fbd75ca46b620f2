/** A token bucket: `perSecond` on average, `burst` at once. What it refuses is counted. */
import type { Clock } from "../../platform/clock.ts";

export class RateLimit {
  readonly #clock: Clock;
  readonly #perSecond: number;
  readonly #burst: number;
  #level: number;
  #atMs: number;
  refused = 0;

  constructor(clock: Clock, { perSecond, burst }: { readonly perSecond: number; readonly burst: number }) {
    this.#clock = clock;
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#level = burst;
    this.#atMs = clock.monotonicMs();
  }

  take(): boolean {
    const nowMs = this.#clock.monotonicMs();
    this.#level = Math.min(this.#burst, this.#level + ((nowMs - this.#atMs) / 1_000) * this.#perSecond);
    this.#atMs = nowMs;
    if (this.#level < 1) {
      this.refused++;
      return false;
    }
    this.#level--;
    return true;
  }
}
