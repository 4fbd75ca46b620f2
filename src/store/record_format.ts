/**
 * How an envelope stands in bytes: the formats of a record. All of them are read. Written is the newest one that every
 * member of the cluster reads (meshd/cluster/member_card.ts), so that nodes of two versions run side by side; a record
 * keeps its format until it is written again.
 *
 *   1  the envelope alone
 *   2  0xC1 (a byte that msgpack never begins with), 2, the envelope's CRC-32 in four bytes, the envelope: a bit that was
 *      flipped between its writer and its reader, in a file or in a memory, is seen
 *
 * Another format is another line here and in `writers`, its reading below, and the writer of the one before in
 * test/store/.
 */
import { crc32 } from "node:zlib";

export type RecordFormat = 1 | 2;
/** Read by every version there ever was. */
export const oldestFormat: RecordFormat = 1;
export const newestFormat: RecordFormat = 2;

export type Framed =
  | { readonly kind: "envelope"; readonly format: RecordFormat; readonly bytes: Uint8Array }
  | { readonly kind: "unreadable"; readonly because: string };

const mark = 0xc1;
const headBytes = 6;

const writers: Readonly<Record<RecordFormat, (envelope: Uint8Array) => Uint8Array>> = {
  1: (envelope) => envelope,
  2: (envelope) => {
    const bytes = new Uint8Array(headBytes + envelope.length);
    bytes.set([mark, 2]);
    viewOf(bytes).setUint32(2, crc32(envelope));
    bytes.set(envelope, headBytes);
    return bytes;
  },
};

export function frame(format: RecordFormat, envelope: Uint8Array): Uint8Array {
  return writers[format](envelope);
}

export function unframe(bytes: Uint8Array): Framed {
  if (bytes[0] !== mark) return { kind: "envelope", format: 1, bytes };
  if (bytes[1] !== 2 || bytes.length < headBytes) {
    return { kind: "unreadable", because: `format ${bytes[1] ?? "?"} is not known here` };
  }
  const envelope = bytes.subarray(headBytes);
  if (viewOf(bytes).getUint32(2) === crc32(envelope)) return { kind: "envelope", format: 2, bytes: envelope };
  return { kind: "unreadable", because: "its bytes are not those that were written" };
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}
