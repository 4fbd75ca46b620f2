/** Hands framed messages to a tail's handler: decodes each once and reports, before its batch, what cannot be decoded. */
import { appendEnd, type Frame } from "./framing.ts";
import { decodeRecord } from "./record.ts";
import type { Entry, TailHandler } from "./store.ts";

export function deliver(frame: Frame, incarnation: string, handler: TailHandler): void {
  const entries: Entry[] = [];
  for (const message of frame.messages) {
    const decoded = decodeRecord({ ...message, appendEnd: appendEnd(message) }, incarnation);
    if (decoded.kind === "record") entries.push({ record: decoded.record, crc32: decoded.crc32 });
    else handler.undecodable?.(decoded.key, decoded.sequence, decoded.because);
  }
  handler.batch(entries, frame.sequence);
}
