/**
 * Reads DER that strangers send, one level at a time: `DerReader` walks the elements of one level and hands each out as
 * bytes, so nothing here recurses and depth costs nothing. Strict: definite, shortest lengths, one-byte tags, nothing
 * past the end. What does not fit throws MalformedDer; the reader of the whole (signing_request.ts) makes it an answer.
 */
import { tags } from "./write.ts";

export class MalformedDer extends Error {
  constructor(because: string) {
    super(because);
    this.name = "MalformedDer";
  }
}

export interface DerElement {
  readonly tag: number;
  /** Without tag and length. */
  readonly content: Uint8Array;
  /** With them, as it stood. */
  readonly whole: Uint8Array;
}

export class DerReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  next(): DerElement {
    const start = this.#at;
    const tag = this.#byte();
    if ((tag & 0x1f) === 0x1f) throw new MalformedDer("a tag of more than one byte");
    const length = this.#length();
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new MalformedDer("an element longer than what holds it");
    const content = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return { tag, content, whole: this.#bytes.subarray(start, end) };
  }

  /** The next element, which must have this tag. */
  expect(tag: number, what: string): DerElement {
    const found = this.next();
    if (found.tag !== tag) throw new MalformedDer(`${what} has tag ${found.tag}, not ${tag}`);
    return found;
  }

  /** The next element if it has this tag. */
  optional(tag: number): DerElement | undefined {
    return this.#bytes[this.#at] === tag ? this.next() : undefined;
  }

  end(what: string): void {
    if (this.#at < this.#bytes.length) throw new MalformedDer(`bytes after ${what}`);
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw new MalformedDer("it ends in the middle of an element");
    return byte;
  }

  #length(): number {
    const first = this.#byte();
    if (first < 0x80) return first;
    const count = first & 0x7f;
    if (count === 0 || count > 4) throw new MalformedDer("an indefinite or absurd length");
    let length = 0;
    for (let i = 0; i < count; i++) length = length * 256 + this.#byte();
    const shortest = length >= 0x80 && length >= 256 ** (count - 1);
    if (!shortest) throw new MalformedDer("a length not in its shortest form");
    return length;
  }
}

/** The content of the one SEQUENCE that `bytes` is. */
export function sequenceIn(bytes: Uint8Array, what: string): DerReader {
  const outer = new DerReader(bytes);
  const inside = outer.expect(tags.sequence, what);
  outer.end(what);
  return new DerReader(inside.content);
}

/** A BIT STRING of whole bytes. */
export function wholeBytes(bits: DerElement, what: string): Uint8Array {
  if (bits.content[0] !== 0) throw new MalformedDer(`${what} is not whole bytes`);
  return bits.content.subarray(1);
}
