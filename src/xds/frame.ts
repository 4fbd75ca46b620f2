/**
 * Responses as bytes. Everything in a response but its nonce is shared: each resource's `Resource` field is encoded once,
 * when first sent, and copied into every response that carries it.
 */
import type { EncodedResource } from "../envoy/resource.ts";
import { limits } from "../platform/limits.ts";
import type { Item } from "./item.ts";
import { typeUrls } from "./type_url.ts";

export interface DeltaResponse {
  readonly typeUrl: string;
  readonly nonce: string;
  /** `system_version_info`. */
  readonly version: string;
  readonly items: readonly Item[];
  readonly removed: readonly string[];
}

/** The length of a varint, in bytes. */
function varintSize(value: number): number {
  let size = 1;
  for (let left = value; left >= 128; left = Math.floor(left / 128)) size++;
  return size;
}

function fieldSize(length: number): number {
  return 1 + varintSize(length) + length;
}

/** gRPC's: a byte that says "not compressed", and the message's length in four. */
const prefixBytes = 5;

/** A frame's message, without gRPC's prefix. */
export function messageOf(frame: Buffer): Buffer {
  return frame.subarray(prefixBytes);
}

/** Writes length-delimited fields with numbers below 16, whose tag is one byte. */
class Writer {
  readonly bytes: Buffer;
  #at = 0;

  /** @param size of what is written, in bytes. */
  constructor(size: number, { framed }: { readonly framed: boolean }) {
    // A part is kept, and must not hold the pool that Node cuts small buffers from, of 64 KiB; a frame is gone in a moment.
    this.bytes = framed ? Buffer.allocUnsafe(size + prefixBytes) : Buffer.allocUnsafeSlow(size);
    if (!framed) return;
    this.bytes.writeUInt8(0, 0);
    this.bytes.writeUInt32BE(size, 1);
    this.#at = prefixBytes;
  }

  head(field: number, length: number): void {
    this.bytes[this.#at++] = (field << 3) | 2;
    let left = length;
    for (; left >= 128; left = Math.floor(left / 128)) this.bytes[this.#at++] = (left % 128) | 128;
    this.bytes[this.#at++] = left;
  }

  raw(bytes: Uint8Array): void {
    this.bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  text(field: number, text: string, length: number): void {
    this.head(field, length);
    this.#at += this.bytes.write(text, this.#at, "utf8");
  }
}

/** Field 2 of DeltaDiscoveryResponse, whole: Resource {1 version, 2 Any {1 type_url, 2 value}, 3 name}. */
export function sliceOf(item: Item): Buffer {
  item.slice ??= sharedSlice(item.resource);
  return item.slice;
}

/** One resource may stand in many layers. */
const slices = new WeakMap<EncodedResource, Buffer>();

function sharedSlice(resource: EncodedResource): Buffer {
  const slice = slices.get(resource) ?? encodeSlice(resource);
  slices.set(resource, slice);
  return slice;
}

function encodeSlice(resource: EncodedResource): Buffer {
  const typeUrl = typeUrls[resource.type];
  const nameLength = Buffer.byteLength(resource.name);
  const versionLength = Buffer.byteLength(resource.version);
  const anyLength = fieldSize(typeUrl.length) + fieldSize(resource.value.length);
  const length = fieldSize(versionLength) + fieldSize(anyLength) + fieldSize(nameLength);
  const writer = new Writer(fieldSize(length), { framed: false });
  writer.head(2, length);
  writer.text(1, resource.version, versionLength);
  writer.head(2, anyLength);
  writer.text(1, typeUrl, typeUrl.length);
  writer.head(2, resource.value.length);
  writer.raw(resource.value);
  writer.text(3, resource.name, nameLength);
  return writer.bytes;
}

/** As it goes on the wire. DeltaDiscoveryResponse: 1 system_version_info, 2 resources, 4 type_url, 5 nonce, 6 removed_resources. */
export function encodeDelta(response: DeltaResponse): Buffer {
  const typeUrlLength = Buffer.byteLength(response.typeUrl);
  const removedLengths = response.removed.map((name) => Buffer.byteLength(name));
  let size = fieldSize(response.version.length) + fieldSize(typeUrlLength) + fieldSize(response.nonce.length);
  for (const item of response.items) size += sliceOf(item).length;
  for (const length of removedLengths) size += fieldSize(length);
  const writer = new Writer(size, { framed: true });
  writer.text(1, response.version, response.version.length);
  for (const item of response.items) writer.raw(sliceOf(item));
  writer.text(4, response.typeUrl, typeUrlLength);
  writer.text(5, response.nonce, response.nonce.length);
  response.removed.forEach((name, i) => {
    writer.text(6, name, removedLengths[i] ?? 0);
  });
  return writer.bytes;
}

/** As it goes on the wire. DiscoveryResponse: 1 version_info, 2 resources as Any {1 type_url, 2 value}, 4 type_url, 5 nonce. */
export function encodeState({ typeUrl, nonce, version, items }: DeltaResponse): Buffer {
  // A version is of one response; two of one step may differ.
  const info = `${version}.${nonce}`;
  const anyLengths = items.map(({ resource }) => fieldSize(typeUrl.length) + fieldSize(resource.value.length));
  let size = fieldSize(info.length) + fieldSize(typeUrl.length) + fieldSize(nonce.length);
  for (const length of anyLengths) size += fieldSize(length);
  const writer = new Writer(size, { framed: true });
  writer.text(1, info, info.length);
  items.forEach(({ resource: { value } }, i) => {
    writer.head(2, anyLengths[i] ?? 0);
    writer.text(1, typeUrl, typeUrl.length);
    writer.head(2, value.length);
    writer.raw(value);
  });
  writer.text(4, typeUrl, typeUrl.length);
  writer.text(5, nonce, nonce.length);
  return writer.bytes;
}

/** Below this a copy costs less than the comparison. */
const sharedFromItems = 64;

/**
 * Encodes, and remembers large responses: proxies that connect after each other are sent the same resources under the
 * same nonce, so even the joined bytes are shared.
 */
export class FrameEncoder {
  readonly #recent: { readonly response: DeltaResponse; readonly bytes: Buffer }[] = [];

  encode(response: DeltaResponse): Buffer {
    if (response.items.length < sharedFromItems) return encodeDelta(response);
    const known = this.#recent.find((entry) => isSame(entry.response, response));
    if (known) return known.bytes;
    const bytes = encodeDelta(response);
    this.#recent.push({ response, bytes });
    if (this.#recent.length > limits.xdsSharedResponses) this.#recent.shift();
    return bytes;
  }
}

function isSame(a: DeltaResponse, b: DeltaResponse): boolean {
  return (
    a.nonce === b.nonce &&
    a.version === b.version &&
    a.typeUrl === b.typeUrl &&
    a.items.length === b.items.length &&
    a.removed.length === b.removed.length &&
    (a.items === b.items || a.items.every((item, i) => item === b.items[i])) &&
    a.removed.every((name, i) => name === b.removed[i])
  );
}
