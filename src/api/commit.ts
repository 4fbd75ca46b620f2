/**
 * Writes a plan by compare-and-set, and says where it went. Called by every handler that changes something.
 *
 * A plan is made from this node's copy. When somebody else wrote first, the copy catches up with the leader and the
 * plan is made anew, `limits.writeAttempts` times. A write of unknown outcome is closed by resolveAppend, under its own
 * operation id, until the caller's signal ends it. With a caller's own operation (idempotency.ts) nothing is planned
 * once a record remembers it. A plan that writes nothing is believed only of a copy that has caught up. After the write
 * the copy is waited for, so that the caller reads what it wrote.
 */
import { type Clock, sleep } from "../platform/clock.ts";
import { invariant } from "../platform/error.ts";
import { limits } from "../platform/limits.ts";
import { jittered, type Random, ulid } from "../platform/random.ts";
import { resolveAppend } from "../store/resolve.ts";
import type { Append, LogEntry, OperationId, Sequence, Store, StoreRecord, StreamName, Write } from "../store/store.ts";
import { doneBefore } from "./idempotency.ts";
import type { Mirror, StreamPosition } from "./ports.ts";
import { ApiRefusal } from "./problem_details.ts";

export interface CommitPorts {
  readonly store: Store;
  readonly mirror: Mirror;
  readonly clock: Clock;
  readonly random: Random;
}

export interface PlannedWrites<Result> {
  readonly result: Result;
  /** Each is atomic by itself. */
  readonly appends: readonly { readonly writes: readonly Write[]; readonly log?: LogEntry }[];
}

export interface CommitRequest<Result> {
  readonly stream: StreamName;
  /**
   * catch-up: before the first plan, for what is decided on what others wrote. sole-writer: plan at once, catch up only
   * if there seems to be nothing to write. caught-up: the caller did so a moment ago.
   */
  readonly freshness: "catch-up" | "sole-writer" | "caught-up";
  readonly plan: () => PlannedWrites<Result> | Promise<PlannedWrites<Result>>;
  /** The caller's own. Then a plan has at most one append. */
  readonly operation?: CallersOperation<Result> | undefined;
  readonly signal: AbortSignal;
}

export interface CallersOperation<Result> {
  readonly id: OperationId;
  /** All that the call is about, as this node's copy has them. */
  readonly records: () => Iterable<StoreRecord | undefined>;
  /** What is answered when it had been done before. */
  readonly again: () => Result;
}

export interface Committed<Result> {
  readonly result: Result;
  /** Last sequence of what was written; of what this node holds, when nothing was. */
  readonly sequence: Sequence;
}

export async function commit<Result>(ports: CommitPorts, request: CommitRequest<Result>): Promise<Committed<Result>> {
  const { stream, signal, freshness, operation } = request;
  let caughtUp = freshness === "caught-up";
  for (let attempt = 0; attempt < limits.writeAttempts; attempt++) {
    if (freshness === "catch-up" || attempt > 0) {
      await catchUp(ports, stream, signal);
      caughtUp = true;
    }
    const before = doneBefore(operation?.id, operation?.records() ?? []);
    if (operation && before !== undefined) return { result: operation.again(), sequence: before };
    const { result, appends } = await request.plan();
    invariant(!operation || appends.length <= 1, "a caller's operation is one append");
    if (appends.length === 0) {
      if (caughtUp) return { result, sequence: ports.mirror.position()[stream] };
      continue;
    }
    const sequences = await Promise.all(
      appends.map((append) => appendKnown(ports, stream, { ...append, operation: operation?.id }, signal)),
    );
    if (sequences.every((sequence) => sequence !== undefined)) {
      const sequence = Math.max(...sequences);
      await holdBriefly(ports, stream, sequence);
      return { result, sequence };
    }
    await pause(ports, attempt, signal);
  }
  throw new ApiRefusal("conflict", `others kept writing first, ${limits.writeAttempts} times; try again`);
}

/** Waits until this node holds all that the leader held at the call. */
export async function catchUp(ports: CommitPorts, stream: StreamName, signal: AbortSignal): Promise<void> {
  const sequence = await ports.store.lastSequence(stream, signal);
  await ports.mirror.waitFor(positionOf(stream, sequence), signal);
}

/** @returns its sequence; undefined: overtaken, nothing of it was applied. */
async function appendKnown(
  ports: CommitPorts,
  stream: StreamName,
  {
    operation = newOperation(ports),
    ...append
  }: Omit<Append, "operation"> & { readonly operation: OperationId | undefined },
  signal: AbortSignal,
): Promise<Sequence | undefined> {
  const { store, clock, random } = ports;
  const outcome = await resolveAppend(store, stream, { ...append, operation }, { clock, random, signal });
  if (outcome.kind === "done") return outcome.sequence;
  if (outcome.kind === "refused" && outcome.code === "too-large") throw new ApiRefusal("too-large", outcome.because);
  if (outcome.kind === "refused") return undefined;
  throw new ApiRefusal("unknown-outcome", "the store did not say whether it took the write; repeat the same call");
}

function newOperation({ random, clock }: CommitPorts): OperationId {
  return ulid(random, clock.nowMs()) as OperationId;
}

function pause(ports: CommitPorts, attempt: number, signal: AbortSignal): Promise<void> {
  return sleep(ports.clock, jittered(ports.random, limits.writeRetryMs * 2 ** attempt, 0.5), signal);
}

/** What is committed is committed: a copy that lags does not make the answer fail. */
async function holdBriefly(ports: CommitPorts, stream: StreamName, sequence: Sequence): Promise<void> {
  const patience = new AbortController();
  const timer = ports.clock.after(limits.readYourWriteMs, () => patience.abort());
  await ports.mirror.waitFor(positionOf(stream, sequence), patience.signal).catch(() => {});
  timer.cancel();
}

function positionOf(stream: StreamName, sequence: Sequence): StreamPosition {
  return { records: 0, endpoints: 0, [stream]: sequence };
}
