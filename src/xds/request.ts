/**
 * Requests as they come: DeltaDiscoveryRequest decoded by hand, because nearly all are acknowledgements of two fields,
 * one per change and proxy. The node, which only a stream's first request has, goes through the generated type.
 * Throws on malformed bytes; the stream ends with that.
 */
import { fromBinary } from "@bufbuild/protobuf";
import { type Node, NodeSchema } from "#envoy/envoy/config/core/v3/base_pb.js";
import { limits } from "../platform/limits.ts";
import { FieldReader } from "./field_reader.ts";

export interface DeltaRequest {
  readonly node: Node | undefined;
  readonly typeUrl: string;
  readonly subscribe: readonly string[];
  readonly unsubscribe: readonly string[];
  /** name → version that the client holds from an earlier stream. */
  readonly initialVersions: ReadonlyMap<string, string>;
  /** Empty: this answers no response. */
  readonly nonce: string;
  /** undefined: an acknowledgement, if there is a nonce. */
  readonly error: string | undefined;
}

// Most requests carry none of these; they share one empty of each.
const none: string[] = [];
const noVersions: Map<string, string> = new Map();

/** Field numbers: envoy/service/discovery/v3/discovery.proto, DeltaDiscoveryRequest. */
export function decodeDeltaRequest(bytes: Uint8Array): DeltaRequest {
  const fields = new FieldReader(bytes);
  let node: Node | undefined;
  let typeUrl = "";
  let subscribe = none;
  let unsubscribe = none;
  let initialVersions = noVersions;
  let nonce = "";
  let error: string | undefined;
  for (let field = fields.next(); field !== 0; field = fields.next()) {
    if (field === 1) node = fromBinary(NodeSchema, fields.bytes());
    else if (field === 2) typeUrl = fields.text();
    else if (field === 3) {
      if (subscribe === none) subscribe = [];
      subscribe.push(fields.text());
    } else if (field === 4) {
      if (unsubscribe === none) unsubscribe = [];
      unsubscribe.push(fields.text());
    } else if (field === 5) {
      if (initialVersions === noVersions) initialVersions = new Map();
      readVersion(fields, initialVersions);
    } else if (field === 6) nonce = fields.text();
    else if (field === 7) error = readStatusMessage(fields);
    else fields.skip();
  }
  return { node, typeUrl, subscribe, unsubscribe, initialVersions, nonce, error };
}

/** Below this, to decode costs less than to compare; above, what one proxy says should not stay here. */
const sharedFromBytes = 1_024;
const sharedToBytes = 512 * 1_024;

/**
 * Decodes, and remembers large requests: proxies that see the same mesh name the same thousand endpoints when they begin.
 */
export class DeltaRequests {
  readonly #recent: { readonly bytes: Buffer; readonly request: DeltaRequest }[] = [];

  decode(bytes: Uint8Array): DeltaRequest {
    if (bytes.length < sharedFromBytes || bytes.length > sharedToBytes) return decodeDeltaRequest(bytes);
    const known = this.#recent.find((recent) => recent.bytes.equals(bytes));
    if (known) return known.request;
    const request = decodeDeltaRequest(bytes);
    // Who it comes from makes it another one each time.
    if (request.node) return request;
    this.#recent.push({ bytes: Buffer.from(bytes), request });
    if (this.#recent.length > limits.xdsSharedRequests) this.#recent.shift();
    return request;
  }
}

/** A map's entry: 1 key, 2 value. A proxy that moves here sends thousands. */
function readVersion(fields: FieldReader, versions: Map<string, string>): void {
  let name = "";
  let version = "";
  const outer = fields.enter();
  for (let field = fields.next(); field !== 0; field = fields.next()) {
    if (field === 1) name = fields.text();
    else if (field === 2) version = fields.text();
    else fields.skip();
  }
  fields.leave(outer);
  versions.set(name, version);
}

/** google.rpc.Status: 1 code, 2 message. */
export function readStatusMessage(fields: FieldReader): string {
  let message = "";
  const outer = fields.enter();
  for (let field = fields.next(); field !== 0; field = fields.next()) {
    if (field === 2) message = fields.text();
    else fields.skip();
  }
  fields.leave(outer);
  return message;
}
