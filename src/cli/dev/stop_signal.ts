/**
 * SIGINT, SIGTERM and SIGHUP, while `dev` runs. The first asks for the graceful stop. Its repeat within a second is the
 * same signal (a terminal and npm both send it); a later one hurries: what still runs is killed.
 */
import type { Clock } from "../../platform/clock.ts";
import { WeftError } from "../../platform/error.ts";
import { limits } from "../../platform/limits.ts";

const signals: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];

export class StopSignal {
  readonly #clock: Clock;
  readonly #stop = new AbortController();
  readonly #hurry = new AbortController();
  #firstMs: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get stop(): AbortSignal {
    return this.#stop.signal;
  }

  get hurry(): AbortSignal {
    return this.#hurry.signal;
  }

  /** One came. */
  receive(): void {
    const nowMs = this.#clock.monotonicMs();
    if (this.#firstMs === undefined) {
      this.#firstMs = nowMs;
      const attempted = "run the mesh";
      this.#stop.abort(new WeftError({ code: "cancelled", retry: "never", attempted, because: "it was stopped" }));
    } else if (nowMs - this.#firstMs > limits.devSameSignalMs) {
      this.#hurry.abort(new Error("hurry"));
    }
  }

  /** Takes the process's signals. @returns what gives them back. */
  listen(): () => void {
    const receive = (): void => this.receive();
    for (const signal of signals) process.on(signal, receive);
    return () => {
      for (const signal of signals) process.off(signal, receive);
    };
  }

  /** Resolves when the stop is asked for. */
  requested(): Promise<void> {
    return new Promise((resolve) => {
      if (this.stop.aborted) resolve();
      else this.stop.addEventListener("abort", () => resolve(), { once: true });
    });
  }
}
