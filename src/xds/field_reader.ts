/**
 * Reads a protobuf message field by field, where the generated types are too slow: in place, one reader for a message and
 * all that it holds. Throws on malformed bytes. Text that is not UTF-8 reads with replacement characters.
 */
const malformed = "malformed protobuf";

export class FieldReader {
  readonly #bytes: Buffer;
  #at = 0;
  #end: number;
  #wireType = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#end = bytes.length;
  }

  /** The number of the next field, whose value must be read or skipped next; 0: the message ends here. */
  next(): number {
    if (this.#at === this.#end) return 0;
    const tag = this.#varint();
    const field = Math.floor(tag / 8);
    if (field === 0 || tag > 0xffff_ffff) throw new Error(malformed);
    this.#wireType = tag % 8;
    return field;
  }

  text(): string {
    const length = this.#length();
    this.#at += length;
    return this.#bytes.toString(undefined, this.#at - length, this.#at);
  }

  bytes(): Uint8Array {
    const length = this.#length();
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  /** Goes into the message that is the field's value. Answers what `leave` needs, when its fields have been read. */
  enter(): number {
    const length = this.#length();
    const outer = this.#end;
    this.#end = this.#at + length;
    return outer;
  }

  leave(outer: number): void {
    this.#end = outer;
  }

  skip(): void {
    if (this.#wireType === 0) this.#varint();
    else if (this.#wireType === 1) this.#pass(8);
    else if (this.#wireType === 2) this.#pass(this.#length());
    else if (this.#wireType === 5) this.#pass(4);
    // Groups: proto3 has none.
    else throw new Error(malformed);
  }

  #length(): number {
    if (this.#wireType !== 2) throw new Error(malformed);
    const length = this.#varint();
    if (length > this.#end - this.#at) throw new Error(malformed);
    return length;
  }

  #pass(count: number): void {
    if (count > this.#end - this.#at) throw new Error(malformed);
    this.#at += count;
  }

  /** Exact below 2^53; what is larger is no length or tag, and is refused as such. */
  #varint(): number {
    let value = 0;
    let factor = 1;
    for (let count = 0; count < 10; count++) {
      if (this.#at >= this.#end) throw new Error(malformed);
      const byte = this.#bytes[this.#at++] ?? 0;
      value += (byte & 127) * factor;
      if (byte < 128) return value;
      factor *= 128;
    }
    throw new Error(malformed);
  }
}
