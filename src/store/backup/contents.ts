/**
 * What stands inside a backup: items in msgpack, each after its length (4 bytes). First the manifest, then the records,
 * last an end with their number and the SHA-256 of all that came before it, so that what was read is what was written,
 * whatever carried it. Pure.
 *
 * A record's sequence and operations are left out: both belong to a stream that a restore does not bring back.
 */
import { createHash, type Hash } from "node:crypto";
import { Packr } from "msgpackr";
import { type BackupManifest, decodeBackupManifest } from "../../model/backup.ts";
import { anything, type Decode, integer, literal, object, record, text, union } from "../../platform/decode.ts";
import { WeftError } from "../../platform/error.ts";
import { limits } from "../../platform/limits.ts";
import type { RecordKey } from "../store.ts";
import { damaged } from "./seal.ts";

/** A record that lives, without its place in a stream. */
export interface KeptRecord {
  readonly key: RecordKey;
  readonly value: unknown;
  readonly epoch: number;
  /** Fields of its envelope that this version does not know. */
  readonly extra?: Readonly<Record<string, unknown>>;
}

export interface Contents {
  readonly manifest: BackupManifest;
  readonly records: readonly KeptRecord[];
}

const lengthBytes = 4;
const packr = new Packr({ useRecords: false, copyBuffers: true, int64AsType: "number" });

/** Keys come from subjects, which the store's keys.ts escapes. */
const recordKey: Decode<RecordKey> = (value, path) =>
  text(4_096, /^[a-z0-9_=A-F-]+(\.[a-z0-9_=A-F-]+)+$/)(value, path) as RecordKey;

const decodeItem = union("item", {
  manifest: object({ format: literal(1), manifest: decodeBackupManifest }),
  record: object({ key: recordKey, value: anything, epoch: integer(0) }, { extra: record(anything) }),
  end: object({ records: integer(0), sha256: text(64) }),
});

type Item = ReturnType<typeof decodeItem>;

export function* writeContents({ manifest, records }: Contents): Generator<Uint8Array> {
  const hash = createHash("sha256");
  const written = (item: object): Uint8Array => {
    const packed = packr.pack(item);
    const length = Buffer.alloc(lengthBytes);
    length.writeUInt32BE(packed.length);
    hash.update(length).update(packed);
    return Buffer.concat([length, packed]);
  };
  yield written({ item: "manifest", format: 1, manifest });
  for (const { key, value, epoch, extra } of records) {
    yield written({ item: "record", key, value, epoch, ...(extra && { extra }) });
  }
  yield written({ item: "end", records: records.length, sha256: digest(hash) });
}

/** Everything, or an error: nothing is handed on before the end was reached and its checksum is right. */
export async function readContents(pieces: AsyncIterable<Uint8Array>): Promise<Contents> {
  const hash = createHash("sha256");
  const records: KeptRecord[] = [];
  let manifest: BackupManifest | undefined;
  let end: Extract<Item, { readonly item: "end" }> | undefined;
  for await (const bytes of items(pieces)) {
    if (end) throw damaged("something follows its last item");
    const item = itemFrom(bytes);
    if (item.item === "end") {
      end = item;
      if (item.records !== records.length || item.sha256 !== digest(hash)) throw damaged("its checksum is wrong");
    } else if (item.item === "manifest") {
      if (manifest) throw damaged("it has two manifests");
      manifest = item.manifest;
    } else {
      const { key, value, epoch, extra } = item;
      records.push({ key, value, epoch, ...(extra && { extra }) });
    }
    hash.update(bytes);
  }
  if (!manifest || !end) throw damaged("it is not complete");
  return { manifest, records };
}

/** Length and item, together. */
async function* items(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let held: Buffer = Buffer.alloc(0);
  let total = 0;
  for await (const piece of pieces) {
    total += piece.length;
    if (total > limits.backupBytes) throw tooLarge("restore", `it holds more than ${limits.backupBytes} bytes`);
    held = Buffer.concat([held, piece]);
    for (;;) {
      const size = held.length < lengthBytes ? undefined : lengthBytes + held.readUInt32BE(0);
      if (size === undefined || held.length < size) break;
      yield held.subarray(0, size);
      held = held.subarray(size);
    }
  }
  if (held.length > 0) throw damaged("its last item is not complete");
}

function itemFrom(bytes: Buffer): Item {
  try {
    const { buffer, byteOffset, byteLength } = bytes.subarray(lengthBytes);
    const item: unknown = packr.unpack(new Uint8Array(buffer, byteOffset, byteLength));
    return decodeItem(item, "item");
  } catch (cause) {
    throw damaged("one of its items cannot be read", cause);
  }
}

function digest(hash: Hash): string {
  return hash.copy().digest("hex");
}

export function tooLarge(attempted: string, because: string): WeftError {
  return new WeftError({ code: "too-large", retry: "never", attempted, because });
}
