/** A place in one of the store's streams: of what was there, up to that sequence; or of one record, where it stands. */
import { type Decoded, integer, object, text } from "../platform/decode.ts";

export const decodeMark = object({ incarnation: text(128), sequence: integer(0) });

export type Mark = Decoded<typeof decodeMark>;

export function isSameMark(a: Mark, b: Mark): boolean {
  return a.incarnation === b.incarnation && a.sequence === b.sequence;
}

/** Of another incarnation: it is the newer, for nobody speaks of a store that is gone. */
export function isAfter(a: Mark, b: Mark): boolean {
  return a.incarnation !== b.incarnation || a.sequence > b.sequence;
}
