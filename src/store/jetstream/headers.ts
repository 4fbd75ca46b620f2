/**
 * Headers of a stored message. Nats-* are the server's words; Weft-* are ours, for the tail (Weft-Batch frames appends,
 * because the server's own marks do not say how many messages a batch has) and for whoever reads the stream by hand.
 */
import { headers, type MsgHdrs } from "@nats-io/transport-node";
import type { PlannedMessage } from "../append.ts";
import type { FramedMessage } from "../framing.ts";

const expectedSequence = "Nats-Expected-Last-Subject-Sequence";
const batchId = "Nats-Batch-Id";
const batchSequence = "Nats-Batch-Sequence";
const batchCommit = "Nats-Batch-Commit";
const operationId = "Weft-Operation";
const epoch = "Weft-Epoch";
const batchPlace = "Weft-Batch";

export function singleHeaders(message: PlannedMessage): MsgHdrs {
  const written = headers();
  written.set(expectedSequence, String(message.expected));
  written.set(operationId, message.operation);
  written.set(epoch, String(message.epoch));
  return written;
}

/** @param index 1-based. */
export function batchHeaders(message: PlannedMessage, batch: string, index: number, count: number): MsgHdrs {
  const written = singleHeaders(message);
  written.set(batchId, batch);
  written.set(batchSequence, String(index));
  if (index === count) written.set(batchCommit, "1");
  written.set(batchPlace, `${index}/${count}`);
  return written;
}

/** Where a message stands in its batch; undefined for a single one. */
export function placeFrom(read: MsgHdrs | undefined): FramedMessage["place"] {
  const append = read?.get(batchId);
  const [, index, count] = /^(\d+)\/(\d+)$/.exec(read?.get(batchPlace) ?? "") ?? [];
  return append && index && count ? { append, index: Number(index), count: Number(count) } : undefined;
}
