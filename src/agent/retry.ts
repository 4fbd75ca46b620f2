/** Trying again: jittered, bounded waits between tries, ended by success, by an error that says never, or by a signal. */
import { type Clock, sleep } from "../platform/clock.ts";
import { WeftError } from "../platform/error.ts";
import { limits } from "../platform/limits.ts";
import type { Logger } from "../platform/log.ts";
import { jittered, type Random } from "../platform/random.ts";

export interface RetryPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
}

export interface Backoff {
  readonly baseMs: number;
  readonly maxMs: number;
}

export const meshdBackoff: Backoff = { baseMs: limits.agentRetryBaseMs, maxMs: limits.agentRetryMaxMs };

/** The wait after the n-th failure in a row (n from 0): doubling, spread by half, never above the maximum. */
export function backoffMs(random: Random, backoff: Backoff, failures: number): number {
  const grownMs = Math.min(backoff.maxMs, backoff.baseMs * 2 ** Math.min(failures, 30));
  return Math.min(backoff.maxMs, jittered(random, grownMs, 0.5));
}

export async function retrying<T>(
  ports: RetryPorts,
  attempt: () => Promise<T>,
  options: { readonly what: string; readonly signal: AbortSignal },
): Promise<T> {
  for (let failures = 0; ; failures++) {
    options.signal.throwIfAborted();
    try {
      return await attempt();
    } catch (cause) {
      const error = WeftError.from(cause, options.what);
      if (error.retry === "never") throw error;
      // Once a minute or so is enough for an outage; the first is told at once.
      if (failures % 30 === 0) ports.log.warn("retrying", { what: options.what, failures, because: error.message });
      await sleep(ports.clock, backoffMs(ports.random, meshdBackoff, failures), options.signal);
    }
  }
}

/** Waits for `work`, but no longer than `mostMs`; what it answers or throws is for somebody else. */
export async function within(clock: Clock, mostMs: number, work: Promise<unknown>): Promise<void> {
  const tooLong = new AbortController();
  const done = work.then(
    () => {},
    () => {},
  );
  await Promise.race([done, sleep(clock, mostMs, tooLong.signal).catch(() => {})]);
  tooLong.abort();
}
