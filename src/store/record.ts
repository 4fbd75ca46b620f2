/**
 * The envelope: how one record stands in the store, in msgpack. Both stores write and read through here, so a record
 * means the same in either.
 *
 *   f  format number (record_format.ts)
 *   v  the value; absent in a tombstone
 *   o  earlier operations as [id, sequence], oldest first
 *   i  the operation that wrote this record; its sequence is the append's last one, known only once it is stored
 *   e  epoch
 *
 * Any other field is a newer version's: it is kept in `extra` and carried on by whoever rewrites the record. Bytes that
 * are not an envelope, or one of a format not known here, are a value of their own kind, never an exception: one bad
 * record must not stop the tail that passes it.
 */
import { crc32 } from "node:zlib";
import { Packr } from "msgpackr";
import { limits } from "../platform/limits.ts";
import { frame, newestFormat, type RecordFormat, unframe } from "./record_format.ts";
import type { OperationId, RecordKey, Sequence, StoreRecord, Write } from "./store.ts";

const packr = new Packr({ useRecords: false, copyBuffers: true, int64AsType: "number" });
const known: ReadonlySet<string> = new Set(["f", "v", "o", "i", "e"]);

/** A record's bytes, where they stand, and where the append ended that wrote them. */
export interface StoredBytes {
  readonly key: RecordKey;
  readonly sequence: Sequence;
  readonly appendEnd: Sequence;
  readonly payload: Uint8Array;
}

export type DecodedRecord =
  | { readonly kind: "record"; readonly record: StoreRecord; readonly crc32: number }
  | { readonly kind: "undecodable"; readonly key: RecordKey; readonly sequence: Sequence; readonly because: string };

/** @param format the newest, unless somebody in the cluster does not read it. */
export function encodeRecord(write: Write, operation: OperationId, format: RecordFormat = newestFormat): Uint8Array {
  const earlier = (write.seen?.operations ?? []).slice(1 - limits.operationsRemembered);
  const envelope: Record<string, unknown> = {
    ...write.seen?.extra,
    f: format,
    o: earlier.map(({ id, sequence }) => [id, sequence]),
    i: operation,
    e: write.epoch ?? write.seen?.epoch ?? 0,
  };
  if (write.value !== undefined) envelope.v = write.value;
  return frame(format, packr.pack(envelope));
}

/** A value as a number, equal for equal values on every node of one version. */
export function fingerprintOf(value: unknown): number {
  return crc32(packr.pack(value));
}

/** Bytes that `value` takes as the value of a record. */
export function encodedSize(value: unknown): number {
  return packr.pack(value).length;
}

export function decodeRecord(stored: StoredBytes, incarnation: string): DecodedRecord {
  const { key, sequence } = stored;
  const undecodable = (because: string): DecodedRecord => ({ kind: "undecodable", key, sequence, because });
  // As a plain Uint8Array, so that bytes in a value come out as one too, wherever they were read from.
  const { buffer, byteOffset, byteLength } = stored.payload;
  const framed = unframe(new Uint8Array(buffer, byteOffset, byteLength));
  if (framed.kind === "unreadable") return undecodable(framed.because);
  let envelope: unknown;
  try {
    envelope = packr.unpack(framed.bytes);
  } catch (cause) {
    return undecodable(cause instanceof Error ? cause.message : String(cause));
  }
  if (!isFields(envelope)) return undecodable("it is not an envelope");
  if (envelope.f !== framed.format) return undecodable(`format ${String(envelope.f)} is not known here`);
  const earlier = operationsFrom(envelope.o);
  const { i: own, e: epoch } = envelope;
  if (!earlier || typeof own !== "string" || typeof epoch !== "number")
    return undecodable("the envelope lacks a field");
  const extra = Object.entries(envelope).filter(([field]) => !known.has(field));
  const record: StoreRecord = {
    key,
    sequence,
    value: envelope.v,
    operations: [...earlier, { id: own as OperationId, sequence: stored.appendEnd }],
    epoch,
    incarnation,
    ...(extra.length > 0 && { extra: Object.fromEntries(extra) }),
  };
  return { kind: "record", record, crc32: crc32(stored.payload) };
}

function isFields(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function operationsFrom(value: unknown): StoreRecord["operations"] | undefined {
  if (!Array.isArray(value) || value.length >= limits.operationsRemembered) return undefined;
  const operations: { id: OperationId; sequence: Sequence }[] = [];
  for (const item of value) {
    if (!Array.isArray(item)) return undefined;
    const [id, sequence]: unknown[] = item;
    if (typeof id !== "string" || typeof sequence !== "number") return undefined;
    operations.push({ id: id as OperationId, sequence });
  }
  return operations;
}
