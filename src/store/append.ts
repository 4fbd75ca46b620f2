/**
 * How an append is carried out, whatever the store. Planning is pure: writes and log become messages, each with the
 * sequence its key must have, or a limit refuses them before anything is sent. Carrying out sends the plan and closes
 * what an answer leaves open.
 *
 * A `conflict` answered by the store does not say who wrote: it may have been this very operation, sent before by a
 * caller who got no answer. So a conflict is followed by reads at the leader:
 *
 *   our operation is remembered by the record   → done, with the sequence it had
 *   the record's sequence is past the one seen  → refused: a stale compare-and-set can never be applied any more. But
 *                                                 unknown, if this append was sent before and the record has meanwhile
 *                                                 forgotten operations that are younger than what was seen
 *   the record is still as it was seen          → open (another write is under way, or the leader lags): try again
 *
 * What is still open at the end of `limits.storeWriteMs` is `unknown`.
 */
import type { Clock } from "../platform/clock.ts";
import { sleep } from "../platform/clock.ts";
import { invariant } from "../platform/error.ts";
import { limits } from "../platform/limits.ts";
import { jittered, type Random } from "../platform/random.ts";
import { logRecord } from "./keys.ts";
import { encodedSize, encodeRecord } from "./record.ts";
import { newestFormat, type RecordFormat } from "./record_format.ts";
import type { Append, LogEntry, OperationId, Outcome, RecordKey, Sequence, StoreRecord, Write } from "./store.ts";

export interface PlannedMessage {
  readonly key: RecordKey;
  readonly payload: Uint8Array;
  /** What the key's last sequence must be; 0: never written. */
  readonly expected: Sequence;
  readonly operation: OperationId;
  readonly epoch: number;
}

type Refused = Extract<Outcome, { readonly kind: "refused" }>;
export type Plan = { readonly kind: "messages"; readonly messages: readonly PlannedMessage[] } | Refused;

/** What the store answered to one attempt. `not-applied`: certainly nothing happened, and trying again may help. */
export type Answer =
  | { readonly kind: "done"; readonly sequence: Sequence }
  | { readonly kind: "conflict" }
  | { readonly kind: "not-applied"; readonly because: string }
  | { readonly kind: "too-large"; readonly because: string }
  | { readonly kind: "unknown"; readonly because: string };

export interface AppendPort {
  readonly clock: Clock;
  readonly random: Random;
  readonly incarnation: string;
  /** What the records are written in; asked once for each append. */
  readonly format: RecordFormat;
  newLogId(): string;
  /** Whether nobody waits for the outcome any more. */
  isOver(): boolean;
  attempt(messages: readonly PlannedMessage[]): Promise<Answer>;
  read(key: RecordKey): Promise<StoreRecord | undefined>;
}

// Pause before an attempt that was certainly not applied is made again, ms: longer than a write under way takes.
const retryPauseMs = 10;
// Reads under way at once while a conflict is being explained.
const readsAtOnce = 16;

export function planAppend(append: Append, newLogId: () => string, format: RecordFormat = newestFormat): Plan {
  invariant(append.writes.length > 0, "an append has at least one write");
  invariant(new Set(append.writes.map(({ key }) => key)).size === append.writes.length, "an append writes a key once");
  const messages: PlannedMessage[] = [];
  for (const write of append.writes) {
    const message = planned(write, append.operation, format);
    if (message.payload.length > limits.recordBytes) {
      return tooLarge(
        write.key,
        `${message.payload.length} bytes, more than the ${limits.recordBytes} a record may have`,
      );
    }
    messages.push(message);
  }
  const logId = append.log ? newLogId() : "";
  for (const [index, entry] of logParts(append.log).entries()) {
    const key = index === 0 ? logRecord(logId) : logRecord(`${logId}-${index}`);
    const message = planned({ key, value: entry, seen: undefined }, append.operation, format);
    if (message.payload.length > limits.logRecordBytes) return tooLarge(key, "a change is too long for the log");
    messages.push(message);
  }
  if (messages.length > limits.batchMessages) {
    return tooLarge(undefined, `${messages.length} records, more than the ${limits.batchMessages} of one batch`);
  }
  return { kind: "messages", messages };
}

function planned(write: Write, operation: OperationId, format: RecordFormat): PlannedMessage {
  const { key, seen } = write;
  const payload = encodeRecord(write, operation, format);
  return { key, payload, expected: seen?.sequence ?? 0, operation, epoch: write.epoch ?? seen?.epoch ?? 0 };
}

function tooLarge(key: RecordKey | undefined, because: string): Refused {
  return { kind: "refused", key, because, code: "too-large" };
}

/** A log whose changes do not fit one record goes on in records of the same id, numbered. */
function logParts(log: LogEntry | undefined): LogEntry[] {
  if (!log) return [];
  const parts: LogEntry["changes"][number][][] = [[]];
  let size = 0;
  for (const change of log.changes) {
    const bytes = encodedSize(change);
    if (size > 0 && size + bytes > limits.recordBytes) {
      parts.push([]);
      size = 0;
    }
    parts.at(-1)?.push(change);
    size += bytes;
  }
  return parts.map((changes) => ({ ...log, changes }));
}

export async function carryOut(port: AppendPort, append: Append): Promise<Outcome> {
  const stale = append.writes.find(({ seen }) => seen?.incarnation && seen.incarnation !== port.incarnation);
  if (stale) return conflict(stale.key, "it was seen in another incarnation of the stream");
  const plan = planAppend(append, () => port.newLogId(), port.format);
  if (plan.kind === "refused") return plan;
  const endsAtMs = port.clock.monotonicMs() + limits.storeWriteMs;
  for (;;) {
    const answer = await port.attempt(plan.messages);
    if (answer.kind === "done" || answer.kind === "unknown") return answer;
    if (answer.kind === "too-large") return tooLarge(undefined, answer.because);
    const because = answer.kind === "conflict" ? "another write is under way" : answer.because;
    const explained = answer.kind === "conflict" ? await explainConflict(port, append) : undefined;
    if (explained) return explained;
    if (port.isOver() || port.clock.monotonicMs() >= endsAtMs) return { kind: "unknown", because };
    await sleep(port.clock, jittered(port.random, retryPauseMs, 0.5));
  }
}

async function explainConflict(port: AppendPort, append: Append): Promise<Outcome | undefined> {
  for (let from = 0; from < append.writes.length; from += readsAtOnce) {
    const some = append.writes.slice(from, from + readsAtOnce);
    const reads = await Promise.allSettled(some.map(({ key }) => port.read(key)));
    for (const [index, write] of some.entries()) {
      const read = reads[index];
      if (read?.status !== "fulfilled") continue;
      const verdict = judge(write, append, read.value);
      if (verdict) return verdict;
    }
  }
  return undefined;
}

/** What a record read at the leader proves about an operation that was to write it; undefined: nothing yet. */
export function judge(
  { key, seen }: Write,
  { operation, again }: Pick<Append, "operation" | "again">,
  now: StoreRecord | undefined,
): Outcome | undefined {
  const applied = now?.operations.find(({ id }) => id === operation);
  if (applied) return { kind: "done", sequence: applied.sequence, earlier: true };
  const seenAt = seen?.sequence ?? 0;
  if ((now?.sequence ?? 0) <= seenAt) return undefined;
  const oldest = now?.operations.length === limits.operationsRemembered ? now.operations[0] : undefined;
  const forgotten = oldest !== undefined && oldest.sequence > seenAt;
  if (again && forgotten) return { kind: "unknown", because: `${key} was written too often since to remember it` };
  return conflict(key, seen ? "somebody else wrote it first" : "it exists already");
}

function conflict(key: RecordKey, because: string): Refused {
  return { kind: "refused", key, because, code: "conflict" };
}
