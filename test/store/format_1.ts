/**
 * The writer and the reader of record format 1, as they were before there was another: what a node of that time does
 * with a record. Nothing of src/ is used, so that a change there does not change the past.
 */
import { Packr } from "msgpackr";

export interface RecordOfFormat1 {
  readonly value: unknown;
  /** Those before the write, as [id, sequence]. */
  readonly earlier: readonly (readonly [string, number])[];
  readonly operation: string;
  readonly epoch: number;
  readonly extra: Readonly<Record<string, unknown>>;
}

const packr = new Packr({ useRecords: false, copyBuffers: true, int64AsType: "number" });

export function writeFormat1(record: RecordOfFormat1): Uint8Array {
  const { value, earlier, operation, epoch, extra } = record;
  return packr.pack({
    ...extra,
    f: 1,
    o: earlier,
    i: operation,
    e: epoch,
    ...(value !== undefined && { v: value }),
  });
}

/** undefined: a node of that time cannot read it. */
export function readFormat1(payload: Uint8Array): RecordOfFormat1 | undefined {
  let envelope: Record<string, unknown>;
  try {
    envelope = packr.unpack(payload);
  } catch {
    return undefined;
  }
  if (typeof envelope !== "object" || envelope === null || envelope.f !== 1) return undefined;
  const { f: _, v: value, o, i, e, ...extra } = envelope;
  if (!Array.isArray(o) || typeof i !== "string" || typeof e !== "number") return undefined;
  return { value, earlier: o, operation: i, epoch: e, extra };
}
