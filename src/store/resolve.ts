/**
 * Closes an append whose outcome is unknown: the same operation, the same compare-and-set, again and again, until the
 * store says done (it happened, now or before) or refused (it never will). Safe because a write can be applied only
 * while its keys are as they were seen, and because a record remembers the operations applied to it.
 */
import { type Clock, sleep } from "../platform/clock.ts";
import { jittered, type Random } from "../platform/random.ts";
import type { Append, Outcome, Store, StreamName } from "./store.ts";

export interface ResolveOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Ends the attempts; what is open then stays `unknown`. */
  readonly signal: AbortSignal;
}

// Waits between attempts, ms: short at first (an answer was lost), then as long as an election asks for.
const firstWaitMs = 20;
const longestWaitMs = 500;

export async function resolveAppend(
  store: Store,
  stream: StreamName,
  append: Append,
  { clock, random, signal }: ResolveOptions,
): Promise<Outcome> {
  let again: true | undefined;
  for (let waitMs = firstWaitMs; ; waitMs = Math.min(2 * waitMs, longestWaitMs)) {
    const outcome = await store.append(stream, again ? { ...append, again } : append, signal);
    if (outcome.kind !== "unknown" || signal.aborted) return outcome;
    again = true;
    const slept = await sleep(clock, jittered(random, waitMs, 0.3), signal).then(
      () => true,
      () => false,
    );
    if (!slept) return outcome;
  }
}
