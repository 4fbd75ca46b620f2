/** One counter of one Envoy over a sliding window. A counter that starts anew (the Envoy did) counts from nothing. */
export interface Sample {
  readonly atMs: number;
  readonly value: number;
}

export class CounterSeries {
  readonly #windowMs: number;
  #samples: Sample[] = [];
  #before = 0;

  constructor(windowMs: number) {
    this.#windowMs = windowMs;
  }

  add(atMs: number, value: number): void {
    const last = this.#samples.at(-1);
    if (last && value < last.value) {
      this.#before += last.value;
      this.#samples = [{ atMs: last.atMs, value: 0 }];
    }
    this.#samples.push({ atMs, value });
    // The oldest sample kept is the last one before the window, so that a whole window is always covered.
    while (this.#samples.length > 2 && (this.#samples[1]?.atMs ?? atMs) <= atMs - this.#windowMs) this.#samples.shift();
  }

  /** Everything counted, across restarts. */
  get total(): number {
    return this.#before + (this.#samples.at(-1)?.value ?? 0);
  }

  /** Counted within the window, and over how many milliseconds. */
  get window(): { readonly count: number; readonly overMs: number } {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    return first && last
      ? { count: last.value - first.value, overMs: last.atMs - first.atMs }
      : { count: 0, overMs: 0 };
  }

  get perSecond(): number {
    const { count, overMs } = this.window;
    return overMs > 0 ? (count * 1_000) / overMs : 0;
  }
}
