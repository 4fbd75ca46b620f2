/**
 * State-of-the-world ADS as a dialect. What differs, and how it is translated:
 *
 *   clusters, listeners   A response is everything; what is not in it is gone. So what the proxy has acknowledged is kept
 *                         here by name, and a response is that with the session's difference applied. A refusal leaves it
 *                         as it was, since the proxy goes on with what it had.
 *   endpoints, routes     A response is an addition; nothing can be said of what is not there. What is gone goes with the
 *                         cluster or listener that named it.
 *   subscriptions         Each request names all that is wanted of its type; the difference from the one before is what
 *                         the session is told. No names, in a first request for clusters or listeners: all there is.
 *   acknowledgements      By the same nonce, with the names once more. One with a nonce that is not the newest answers
 *                         nothing: the proxy sends another.
 *   a new stream          Versions are of whole responses, so nothing that is held from before can be told: all is sent.
 */
import { fromBinary } from "@bufbuild/protobuf";
import { type Node, NodeSchema } from "#envoy/envoy/config/core/v3/base_pb.js";
import type { ResourceType } from "../envoy/resource.ts";
import type { Dialect } from "./dialect.ts";
import { FieldReader } from "./field_reader.ts";
import { type DeltaResponse, encodeState } from "./frame.ts";
import type { Item } from "./item.ts";
import { type DeltaRequest, readStatusMessage } from "./request.ts";
import { typeOfUrl } from "./type_url.ts";

interface StateRequest {
  readonly node: Node | undefined;
  readonly names: readonly string[];
  readonly typeUrl: string;
  readonly nonce: string;
  readonly error: string | undefined;
}

/** Field numbers: envoy/service/discovery/v3/discovery.proto, DiscoveryRequest. */
function decodeStateRequest(bytes: Uint8Array): StateRequest {
  const fields = new FieldReader(bytes);
  const names: string[] = [];
  let node: Node | undefined;
  let typeUrl = "";
  let nonce = "";
  let error: string | undefined;
  for (let field = fields.next(); field !== 0; field = fields.next()) {
    if (field === 2) node = fromBinary(NodeSchema, fields.bytes());
    else if (field === 3) names.push(fields.text());
    else if (field === 4) typeUrl = fields.text();
    else if (field === 5) nonce = fields.text();
    else if (field === 6) error = readStatusMessage(fields);
    else fields.skip();
  }
  return { node, names, typeUrl, nonce, error };
}

interface Told {
  /** What the newest request named. */
  names: ReadonlySet<string>;
  /** Acknowledged; of clusters and listeners alone. */
  held: ReadonlyMap<string, Item>;
  /** What is held once the response with that nonce is acknowledged. */
  next: { readonly nonce: string; readonly held: ReadonlyMap<string, Item> } | undefined;
  newestNonce: string;
}

const noVersions: ReadonlyMap<string, string> = new Map();

export class StateOfTheWorld implements Dialect {
  readonly #types = new Map<string, Told>();

  decode(bytes: Uint8Array): DeltaRequest | undefined {
    const { node, names, typeUrl, nonce, error } = decodeStateRequest(bytes);
    const known = this.#types.get(typeUrl);
    const told = known ?? { names: new Set(), held: new Map(), next: undefined, newestNonce: "" };
    if (!known) this.#types.set(typeUrl, told);
    else if (nonce !== told.newestNonce) return undefined;
    if (told.next?.nonce === nonce && nonce !== "") {
      if (error === undefined) told.held = told.next.held;
      told.next = undefined;
    }
    const wanted = new Set(names);
    const subscribe = [...wanted.difference(told.names)];
    const unsubscribe = [...told.names.difference(wanted)];
    // Who once asked for all goes on asking for all, by naming nothing again.
    told.names = wanted;
    return { node, typeUrl, subscribe, unsubscribe, initialVersions: noVersions, nonce, error };
  }

  encode(response: DeltaResponse): Buffer | undefined {
    const type = typeOfUrl(response.typeUrl);
    const told = this.#types.get(response.typeUrl);
    if (!type || !told) return undefined;
    const items = isWhole(type) ? this.#whole(told, response) : response.items;
    if (!isWhole(type) && items.length === 0) return undefined;
    told.newestNonce = response.nonce;
    return encodeState({ ...response, items });
  }

  #whole(told: Told, { items, removed, nonce }: DeltaResponse): readonly Item[] {
    const held = new Map(told.held);
    for (const name of removed) held.delete(name);
    for (const item of items) held.set(item.resource.name, item);
    told.next = { nonce, held };
    return [...held.values()];
  }
}

/** What is not in a response is gone. */
function isWhole(type: ResourceType): boolean {
  return type === "cluster" || type === "listener";
}
