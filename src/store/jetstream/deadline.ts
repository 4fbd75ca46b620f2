/** An abort signal that fires with the caller's, or by itself after so many milliseconds. `clear` when the work is done. */
import { setMaxListeners } from "node:events";
import type { Clock } from "../../platform/clock.ts";
import { WeftError } from "../../platform/error.ts";

export interface Deadline {
  readonly signal: AbortSignal;
  clear(): void;
}

export function deadline(clock: Clock, ms: number, attempted: string, caller?: AbortSignal): Deadline {
  const controller = new AbortController();
  // One write may wait for many reads at once.
  setMaxListeners(0, controller.signal);
  const timer = clock.after(ms, () => {
    const because = `no answer in ${ms} ms`;
    controller.abort(new WeftError({ code: "timeout", retry: "later", attempted, because }));
  });
  const follow = (): void => controller.abort(caller?.reason);
  if (caller?.aborted) follow();
  else caller?.addEventListener("abort", follow, { once: true });
  const clear = (): void => {
    timer.cancel();
    caller?.removeEventListener("abort", follow);
  };
  return { signal: controller.signal, clear };
}
