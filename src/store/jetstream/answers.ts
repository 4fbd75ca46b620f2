/** What the server's answer to a write means. By error code only: its texts change from version to version. */
import { type Msg, NoRespondersError } from "@nats-io/transport-node";
import type { Answer } from "../append.ts";

// JetStream's error codes (nats-server, server/errors.json).
const wrongLastSequence = 10071;
/** The same without the sequence: also while another write of the key is under way. */
const wrongLastSequenceUnknown = 10164;
const messageExceedsMaximum = 10054;
const headersExceedMaximum = 10097;
const batchTooLarge = 10199;
/** The leader lacks messages of the batch (it changed meanwhile, or too many batches were staged): not committed. */
const batchIncomplete = 10176;
const tooManyBatches = 10210;

const conflicts: ReadonlySet<number> = new Set([wrongLastSequence, wrongLastSequenceUnknown]);
const tooLarge: ReadonlySet<number> = new Set([messageExceedsMaximum, headersExceedMaximum, batchTooLarge]);
const notApplied: ReadonlySet<number> = new Set([batchIncomplete, tooManyBatches]);

interface PublishAnswer {
  readonly seq?: unknown;
  readonly count?: unknown;
  readonly error?: { readonly err_code?: unknown; readonly description?: unknown };
}

/** @param count messages the append has; a batch's answer must name all of them. */
export function answerFrom(message: Msg, count: number): Answer {
  let read: PublishAnswer;
  try {
    read = message.json<PublishAnswer>();
  } catch {
    return { kind: "unknown", because: "the answer is not JSON" };
  }
  if (read.error) return refusalFrom(read.error);
  if (typeof read.seq !== "number" || read.seq <= 0) return { kind: "unknown", because: "the answer has no sequence" };
  if (count > 1 && read.count !== count) return { kind: "unknown", because: "the answer names another batch size" };
  return { kind: "done", sequence: read.seq };
}

function refusalFrom(error: NonNullable<PublishAnswer["error"]>): Answer {
  const code = typeof error.err_code === "number" ? error.err_code : 0;
  const because = `JetStream error ${code}: ${String(error.description)}`;
  if (conflicts.has(code)) return { kind: "conflict" };
  if (tooLarge.has(code)) return { kind: "too-large", because };
  if (notApplied.has(code)) return { kind: "not-applied", because };
  return { kind: "unknown", because };
}

/** No answer, whatever the reason: the write may have been applied, or may be still. */
export function answerFromFailure(cause: unknown): Answer {
  if (cause instanceof NoRespondersError) return { kind: "unknown", because: "nobody serves the stream now" };
  return { kind: "unknown", because: cause instanceof Error ? cause.message : String(cause) };
}
