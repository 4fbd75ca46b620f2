/**
 * A backup's file around its contents: the header in clear, then chunks under AES-256-GCM. Pure but for the file's id.
 *
 *   chunk   1 byte: 1 for the last one, else 0 · 4 bytes: length · ciphertext · 16 bytes: tag
 *   nonce   4 zero bytes · 8 bytes: the chunk's number. The key is this file's own, so a nonce is used once
 *   AAD     SHA-256 of the header's two lines · the chunk's number · the last-mark
 *
 * So a chunk that was changed, left out, moved, repeated, taken from another file or appended is refused, and so is a
 * file that ends early: it has no last chunk.
 */
import { createCipheriv, createDecipheriv, createHash, hkdfSync } from "node:crypto";
import {
  type BackupHeader,
  backupFirstLine,
  backupHeaderBytes,
  backupKeyBytes,
  decodeBackupHeader,
  type KeyDerivation,
} from "../../model/backup.ts";
import { WeftError } from "../../platform/error.ts";
import type { Secret } from "../../platform/log.ts";
import type { Random } from "../../platform/random.ts";

const chunkBytes = 64 * 1024;
const tagBytes = 16;
const frameBytes = 5;
const newline = 0x0a;

/** @param derivation how whoever asks for the backup made `key`; written down, so that it can be made again. */
export function* sealFile(
  contents: Iterable<Uint8Array>,
  {
    derivation,
    key,
    random,
  }: { readonly derivation: KeyDerivation; readonly key: Secret<Uint8Array>; readonly random: Random },
): Generator<Uint8Array> {
  const fileId = Buffer.from(random.bytes(backupKeyBytes)).toString("base64");
  const header = headerLines({ derivation, fileId, keyCheck: keyCheck(key, fileId) });
  yield header;
  const cipher = new ChunkCipher(chunkKey(key, fileId), header);
  let held: Buffer = Buffer.alloc(0);
  for (const part of contents) {
    held = Buffer.concat([held, part]);
    // What fits a chunk exactly waits: the last one has to be known as the last.
    for (; held.length > chunkBytes; held = held.subarray(chunkBytes))
      yield cipher.seal(held.subarray(0, chunkBytes), false);
  }
  yield cipher.seal(held, true);
}

/** The contents again, in pieces of any size; throws `invalid` or `denied` at the first byte that is not as it was written. */
export async function* openFile(file: AsyncIterable<Uint8Array>, key: Secret<Uint8Array>): AsyncGenerator<Uint8Array> {
  const bytes = new Bytes(file);
  const lines = [await bytes.line(), await bytes.line()];
  const header = Buffer.concat(lines);
  const { fileId, keyCheck: wanted } = headerFrom(header);
  if (keyCheck(key, fileId) !== wanted) throw wrongKey();
  const cipher = new ChunkCipher(chunkKey(key, fileId), header);
  for (let last = false; !last; ) {
    const frame = await bytes.exactly(frameBytes);
    const length = frame.readUInt32BE(1);
    if (frame.readUInt8(0) > 1 || length > chunkBytes) throw damaged("a chunk's frame is not one");
    last = frame.readUInt8(0) === 1;
    yield cipher.open(await bytes.exactly(length + tagBytes), last);
  }
  if (await bytes.more()) throw damaged("something follows its end");
}

export function headerLines(header: BackupHeader): Buffer {
  return Buffer.from(`${backupFirstLine}\n${JSON.stringify(header)}\n`);
}

function headerFrom(lines: Buffer): BackupHeader {
  const [first, second = ""] = lines.toString("utf8").split("\n");
  if (first !== backupFirstLine) throw damaged("it is no backup of Weft, or one of a version not known here");
  try {
    return decodeBackupHeader(JSON.parse(second), "header");
  } catch (cause) {
    throw damaged("its header cannot be read", cause);
  }
}

class ChunkCipher {
  readonly #key: Uint8Array;
  readonly #headerHash: Buffer;
  #number = 0n;

  constructor(key: Uint8Array, header: Uint8Array) {
    this.#key = key;
    this.#headerHash = createHash("sha256").update(header).digest();
  }

  seal(plain: Uint8Array, last: boolean): Uint8Array {
    const { nonce, associated } = this.#next(last);
    const cipher = createCipheriv("aes-256-gcm", this.#key, nonce, { authTagLength: tagBytes });
    cipher.setAAD(associated);
    const frame = Buffer.alloc(frameBytes);
    frame.writeUInt8(last ? 1 : 0, 0);
    frame.writeUInt32BE(plain.length, 1);
    return Buffer.concat([frame, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  }

  open(sealed: Buffer, last: boolean): Uint8Array {
    const number = this.#number;
    const { nonce, associated } = this.#next(last);
    const decipher = createDecipheriv("aes-256-gcm", this.#key, nonce, { authTagLength: tagBytes });
    decipher.setAAD(associated);
    decipher.setAuthTag(sealed.subarray(sealed.length - tagBytes));
    try {
      return Buffer.concat([decipher.update(sealed.subarray(0, sealed.length - tagBytes)), decipher.final()]);
    } catch (cause) {
      throw damaged(`chunk ${number} is not as it was written`, cause);
    }
  }

  #next(last: boolean): { readonly nonce: Buffer; readonly associated: Buffer } {
    const number = Buffer.alloc(8);
    number.writeBigUInt64BE(this.#number++);
    const nonce = Buffer.concat([Buffer.alloc(4), number]);
    return { nonce, associated: Buffer.concat([this.#headerHash, number, Buffer.from([last ? 1 : 0])]) };
  }
}

/** Takes bytes from a stream in the sizes that are asked for. */
class Bytes {
  readonly #source: AsyncIterator<Uint8Array>;
  #held: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  async exactly(count: number): Promise<Buffer> {
    while (this.#held.length < count) if (!(await this.#read())) throw damaged("it ends too early");
    return this.#take(count);
  }

  /** Through the next end of line. */
  async line(): Promise<Buffer> {
    for (;;) {
      const end = this.#held.indexOf(newline);
      if (end >= 0 && end < backupHeaderBytes) return this.#take(end + 1);
      if (end >= 0 || this.#held.length >= backupHeaderBytes || !(await this.#read())) {
        throw damaged("it is no backup of Weft");
      }
    }
  }

  async more(): Promise<boolean> {
    while (this.#held.length === 0) if (!(await this.#read())) return false;
    return true;
  }

  #take(count: number): Buffer {
    const taken = this.#held.subarray(0, count);
    this.#held = this.#held.subarray(count);
    return taken;
  }

  async #read(): Promise<boolean> {
    const { value, done } = await this.#source.next();
    if (done) return false;
    this.#held = Buffer.concat([this.#held, value]);
    return true;
  }
}

function chunkKey(key: Secret<Uint8Array>, fileId: string): Uint8Array {
  return derived(key, fileId, "weft-backup-1 chunks", 32);
}

function keyCheck(key: Secret<Uint8Array>, fileId: string): string {
  return Buffer.from(derived(key, fileId, "weft-backup-1 check", 8)).toString("hex");
}

function derived(key: Secret<Uint8Array>, fileId: string, purpose: string, bytes: number): Uint8Array {
  return new Uint8Array(hkdfSync("sha256", key.reveal(), Buffer.from(fileId, "base64"), purpose, bytes));
}

function wrongKey(): WeftError {
  return new WeftError({
    code: "denied",
    retry: "never",
    attempted: "open the backup",
    because: "this key is not the one that it was sealed with",
    next: "give the key file or passphrase with which it was taken",
  });
}

export function damaged(because: string, cause?: unknown): WeftError {
  const next = "nothing was written; take another copy of the file, or an older backup";
  return new WeftError({ code: "invalid", retry: "never", attempted: "open the backup", because, next, cause });
}
