/**
 * IR item → the resource that goes over the wire: deterministic bytes, and their hash as version. The same item gives
 * the same bytes on every node of one version of Weft. Pure. Called once for each changed item of a layer.
 */
import { createHash } from "node:crypto";
import { toBinary } from "@bufbuild/protobuf";
import { ClusterSchema } from "#envoy/envoy/config/cluster/v3/cluster_pb.js";
import { ClusterLoadAssignmentSchema } from "#envoy/envoy/config/endpoint/v3/endpoint_pb.js";
import { ListenerSchema } from "#envoy/envoy/config/listener/v3/listener_pb.js";
import type { Item } from "../compile/ir.ts";
import { clusterMessage } from "./cluster.ts";
import { endpointsMessage } from "./endpoints.ts";
import { listenerMessage } from "./listener.ts";
import type { EncodedResource } from "./resource.ts";
import { routeTableBytes } from "./route.ts";

/** One item may stand in many layers: namespaces with nothing of their own share a table, scopes share clusters. */
const encoded = new WeakMap<Item, EncodedResource>();

export function encode(item: Item): EncodedResource {
  const known = encoded.get(item);
  if (known) return known;
  const made = encodeAnew(item);
  encoded.set(item, made);
  return made;
}

/** Of the hash. Told apart are the versions of one name; each is said with every resource, and by whoever moves here. */
const versionBytes = 12;

function encodeAnew(item: Item): EncodedResource {
  const value = bytesOf(item);
  const version = createHash("sha256").update(value).digest().toString("base64url", 0, versionBytes);
  return { type: item.type, name: item.name, version, value, asksFor: asksFor(item) };
}

function bytesOf(item: Item): Uint8Array {
  switch (item.type) {
    case "cluster":
      return toBinary(ClusterSchema, clusterMessage(item));
    case "endpoints":
      return toBinary(ClusterLoadAssignmentSchema, endpointsMessage(item));
    case "listener":
      return toBinary(ListenerSchema, listenerMessage(item));
    case "route":
      return routeTableBytes(item);
  }
}

function asksFor(item: Item): EncodedResource["asksFor"] {
  if (item.type === "cluster") {
    return item.upstream.kind === "endpoints" ? [{ type: "endpoints", name: item.name }] : [];
  }
  if (item.type !== "listener") return [];
  const tables = item.chains.flatMap(({ handler }) => (handler.kind === "http" ? handler.routes : []));
  return [...new Set(tables)].map((name) => ({ type: "route", name }));
}
