/** Writes DER (X.690): the types that a leaf certificate is made of. Pure; the caller puts them in order. */
export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  sequence: 0x30,
  utcTime: 0x17,
  generalizedTime: 0x18,
} as const;

export type Der = Uint8Array<ArrayBufferLike>;

function lengthBytes(length: number): number[] {
  if (length < 0x80) return [length];
  const bytes: number[] = [];
  for (let left = length; left > 0; left = Math.floor(left / 256)) bytes.unshift(left & 0xff);
  return [0x80 | bytes.length, ...bytes];
}

export function element(tag: number, ...content: readonly Uint8Array[]): Der {
  const length = content.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([Uint8Array.from([tag, ...lengthBytes(length)]), ...content]);
}

export const sequence = (...parts: readonly Uint8Array[]): Der => element(tags.sequence, ...parts);
export const octetString = (content: Uint8Array): Der => element(tags.octetString, content);
export const boolean = (value: boolean): Der => element(tags.boolean, Uint8Array.of(value ? 0xff : 0));
/** [n], constructed: EXPLICIT, or IMPLICIT over a constructed type. */
export const tagged = (n: number, ...parts: readonly Uint8Array[]): Der => element(0xa0 | n, ...parts);
/** [n] IMPLICIT over a primitive type. */
export const taggedPrimitive = (n: number, content: Uint8Array): Der => element(0x80 | n, content);

export function bitString(content: Uint8Array, unusedBits = 0): Der {
  return element(tags.bitString, Uint8Array.of(unusedBits), content);
}

/** A non-negative integer from its big-endian bytes, in the shortest form. */
export function unsignedInteger(bytes: Uint8Array): Der {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const shortest = bytes.subarray(start);
  return (shortest[0] ?? 0) & 0x80
    ? element(tags.integer, Uint8Array.of(0), shortest)
    : element(tags.integer, shortest.length === 0 ? Uint8Array.of(0) : shortest);
}

export function objectIdentifier(dotted: string): Der {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes: number[] = [];
  for (const arc of [first * 40 + second, ...rest]) {
    const base128 = [arc & 0x7f];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128))
      base128.unshift(0x80 | (left & 0x7f));
    bytes.push(...base128);
  }
  return element(tags.objectIdentifier, Uint8Array.from(bytes));
}

/** Whole seconds: UTCTime to 2049, GeneralizedTime from 2050 (RFC 5280, 4.1.2.5). */
export function time(atMs: number): Der {
  const digits = new Date(atMs).toISOString().slice(0, 19).replaceAll(/[-T:]/g, "");
  return Number(digits.slice(0, 4)) < 2050
    ? element(tags.utcTime, Buffer.from(`${digits.slice(2)}Z`, "ascii"))
    : element(tags.generalizedTime, Buffer.from(`${digits}Z`, "ascii"));
}
