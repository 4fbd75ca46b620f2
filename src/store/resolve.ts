/**
 * Closes an append whose outcome is unknown: the same operation, the same compare-and-set, again and again, until the
 * store says done (it happened, now or before) or refused (it never will). Safe because a write can be applied only
 * while its keys are as they were seen, and because a record remembers the operations applied to it.
 */
import { type Clock, sleep } from "../platform/clock.ts";
import { jittered, type Random } from "../platform/random.ts";
import { Deadline } from "./deadline.ts";
import type { Append, Outcome, Store, StreamName } from "./store.ts";

interface Ports {
  readonly clock: Clock;
  readonly random: Random;
}

/** What ends the attempts; what is open then stays `unknown`. */
export type ResolveOptions = Ports & ({ readonly signal: AbortSignal } | { readonly withinMs: number });

// Waits between attempts, ms: short at first (an answer was lost), then as long as an election asks for.
const firstWaitMs = 20;
const longestWaitMs = 500;

export async function resolveAppend(
  store: Store,
  stream: StreamName,
  append: Append,
  options: ResolveOptions,
): Promise<Outcome> {
  const { clock } = options;
  const begunMs = clock.monotonicMs();
  const signal = "signal" in options ? options.signal : undefined;
  const first = await store.append(stream, append, signal);
  if (first.kind !== "unknown") return first;
  const attempt = (until: AbortSignal): Promise<Outcome> => store.append(stream, { ...append, again: true }, until);
  if ("signal" in options) return repeat(attempt, first, options, options.signal);
  const leftMs = begunMs + options.withinMs - clock.monotonicMs();
  const until = new Deadline(clock, Math.max(0, leftMs), `write ${stream}`);
  try {
    return await repeat(attempt, first, options, until.signal);
  } finally {
    until.clear();
  }
}

async function repeat(
  attempt: (until: AbortSignal) => Promise<Outcome>,
  first: Outcome,
  { clock, random }: Ports,
  until: AbortSignal,
): Promise<Outcome> {
  let outcome = first;
  for (let waitMs = firstWaitMs; outcome.kind === "unknown" && !until.aborted; ) {
    const slept = await sleep(clock, jittered(random, waitMs, 0.3), until).then(
      () => true,
      () => false,
    );
    if (!slept) break;
    outcome = await attempt(until);
    waitMs = Math.min(2 * waitMs, longestWaitMs);
  }
  return outcome;
}
