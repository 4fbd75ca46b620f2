/** An end that work must not outlive: the caller's, or by itself after so many milliseconds. */
import { setMaxListeners } from "node:events";
import type { Clock, Timer } from "../platform/clock.ts";
import { WeftError } from "../platform/error.ts";

type OnEnd = (cause: unknown) => void;

/** `clear` it when the work is done. Most work is done in time and needs no AbortSignal: one is made when asked for. */
export class Deadline {
  readonly #timer: Timer;
  readonly #caller: AbortSignal | undefined;
  readonly #follow = (): void => this.#end(this.#caller?.reason);
  readonly #listeners = new Set<OnEnd>();
  #controller: AbortController | undefined;
  #ended: { readonly cause: unknown } | undefined;

  constructor(clock: Clock, ms: number, attempted: string, caller?: AbortSignal) {
    this.#caller = caller;
    this.#timer = clock.after(ms, () => {
      const because = `no answer in ${Math.round(ms)} ms`;
      this.#end(new WeftError({ code: "timeout", retry: "later", attempted, because }));
    });
    if (caller?.aborted) this.#follow();
    else caller?.addEventListener("abort", this.#follow, { once: true });
  }

  get ended(): boolean {
    return this.#ended !== undefined;
  }

  get cause(): unknown {
    return this.#ended?.cause;
  }

  get signal(): AbortSignal {
    this.#controller ??= this.#makeController();
    return this.#controller.signal;
  }

  /** @returns takes the listener away. */
  onEnd(listener: OnEnd): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  clear(): void {
    this.#timer.cancel();
    this.#caller?.removeEventListener("abort", this.#follow);
  }

  #makeController(): AbortController {
    const controller = new AbortController();
    // One write may wait for many reads at once.
    setMaxListeners(0, controller.signal);
    if (this.#ended) controller.abort(this.#ended.cause);
    return controller;
  }

  #end(cause: unknown): void {
    if (this.#ended) return;
    this.#ended = { cause };
    this.clear();
    this.#controller?.abort(cause);
    for (const listener of [...this.#listeners]) listener(cause);
  }
}
