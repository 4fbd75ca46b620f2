/**
 * Requests as they come: DeltaDiscoveryRequest decoded by hand, because nearly all are acknowledgements of two fields,
 * one per change and proxy. The node, which only a stream's first request has, goes through the generated type.
 * Throws on malformed bytes; the stream ends with that.
 */
import { fromBinary } from "@bufbuild/protobuf";
import { BinaryReader, type WireType } from "@bufbuild/protobuf/wire";
import { type Node, NodeSchema } from "#envoy/envoy/config/core/v3/base_pb.js";

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
  const reader = new BinaryReader(bytes);
  let node: Node | undefined;
  let typeUrl = "";
  let subscribe = none;
  let unsubscribe = none;
  let initialVersions = noVersions;
  let nonce = "";
  let error: string | undefined;
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 1) node = fromBinary(NodeSchema, reader.bytes());
    else if (field === 2) typeUrl = reader.string();
    else if (field === 3) {
      if (subscribe === none) subscribe = [];
      subscribe.push(reader.string());
    } else if (field === 4) {
      if (unsubscribe === none) unsubscribe = [];
      unsubscribe.push(reader.string());
    } else if (field === 5) {
      if (initialVersions === noVersions) initialVersions = new Map();
      readVersion(reader.bytes(), initialVersions);
    } else if (field === 6) nonce = reader.string();
    else if (field === 7) error = readStatusMessage(reader.bytes());
    else reader.skip(wireType, field);
  }
  return {
    node,
    typeUrl,
    subscribe,
    unsubscribe,
    initialVersions,
    nonce,
    error,
  };
}

function readVersion(bytes: Uint8Array, versions: Map<string, string>): void {
  let name = "";
  let version = "";
  eachField(bytes, (reader, field, wireType) => {
    if (field === 1) name = reader.string();
    else if (field === 2) version = reader.string();
    else reader.skip(wireType, field);
  });
  versions.set(name, version);
}

/** google.rpc.Status: 1 code, 2 message. */
function readStatusMessage(bytes: Uint8Array): string {
  let message = "";
  eachField(bytes, (reader, field, wireType) => {
    if (field === 2) message = reader.string();
    else reader.skip(wireType, field);
  });
  return message;
}

function eachField(bytes: Uint8Array, read: (reader: BinaryReader, field: number, wireType: WireType) => void): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    read(reader, field, wireType);
  }
}
