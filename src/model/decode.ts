/**
 * Decoders of what is kept in records or comes from another program in the model's own words: workloads, endpoint
 * shards, stored resources. (What a user writes has schemas, with positions: resources/.) Addresses, names and labels
 * are checked here, so that past this point they are true.
 */
import { isIP } from "node:net";
import {
  anything,
  boolean,
  type Decode,
  integer,
  list,
  literal,
  object,
  oneOf,
  parsed,
  record,
  text,
  union,
} from "../platform/decode.ts";
import { limits } from "../platform/limits.ts";
import type { Endpoint, EndpointShard } from "./endpoint.ts";
import { isServiceAccount, parseSpiffeId, type SpiffeId } from "./identity.ts";
import { hostFrom, isDnsLabel, type Locality, namespaceFrom, type WorkloadName } from "./names.ts";
import { type ObjectKind, objectKinds, type StoredResource } from "./object.ts";
import { protocolFrom } from "./protocol.ts";
import type { Sealed } from "./secret.ts";
import type { Upstream, Workload } from "./workload.ts";

const label = parsed("a DNS label", (name) => (isDnsLabel(name) ? name : undefined));
const namespace = parsed("a namespace", namespaceFrom);
const port = integer(1, 65_535);
const ipAddress = parsed("an IP address", (ip) => (isIP(ip) ? ip : undefined));
const localAddress = object({ address: ipAddress, port });
const serviceRef = object({ namespace, name: label });
const protocol = parsed("a protocol", protocolFrom);
const labelKey = /^[A-Za-z0-9]([A-Za-z0-9._/-]{0,252}[A-Za-z0-9])?$/;
const labels = keyed(labelKey, text(63, /^([A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)?$/), 64);
const locality = parsed("REGION/ZONE", (place) =>
  /^([A-Za-z0-9._-]{1,128}(\/[A-Za-z0-9._-]{0,128})?)?$/.test(place) ? (place as Locality) : undefined,
);
const workloadName = parsed("NAME.NS", (name) =>
  name.length <= 127 && name.split(".").every(isDnsLabel) && name.split(".").length === 2
    ? (name as WorkloadName)
    : undefined,
);
const spiffeId = parsed("a SPIFFE ID", (id) => (parseSpiffeId(id) ? (id as SpiffeId) : undefined));

const base = {
  name: label,
  namespace,
  serviceAccount: parsed("a service account", (name) => (isServiceAccount(name) ? name : undefined)),
  labels,
  locality,
  network: text(63),
  host: text(253),
};

const inbound = object({ name: label, port, appPort: port, protocol, listen: localAddress });

const host = parsed("a host name", (name) => hostFrom(name));
const toService = object({ service: serviceRef, port, listen: localAddress });
const toHost = object({ host, port, listen: localAddress });
const upstream: Decode<Upstream> = (value, path) =>
  typeof value === "object" && value !== null && "host" in value ? toHost(value, path) : toService(value, path);

export const decodeWorkload: Decode<Workload> = union("role", {
  sidecar: object({
    ...base,
    role: oneOf("sidecar"),
    service: serviceRef,
    inbound: list(inbound, limits.portsPerWorkload),
    outbound: localAddress,
    upstreams: list(upstream, limits.portsPerWorkload),
  }),
  gateway: object({
    ...base,
    role: oneOf("gateway"),
    eastWest: boolean,
    listeners: keyed(/^\d{1,5}$/, localAddress, limits.portsPerWorkload),
  }),
});

const endpoint: Decode<Endpoint> = object(
  {
    id: text(253),
    address: ipAddress,
    ports: record(port, limits.portsPerWorkload),
    health: oneOf("healthy", "unhealthy", "draining"),
    weight: integer(0, 1_000_000),
    locality,
    network: text(63),
    labels,
    transport: oneOf("mtls", "plaintext"),
  },
  { identity: spiffeId, workload: workloadName },
);

export const decodeShard: Decode<EndpointShard> = object(
  {
    service: serviceRef,
    source: text(253),
    shard: integer(0, 100_000),
    ports: list(object({ name: text(63), port, protocol }), limits.servicePorts),
    endpoints: list(endpoint, limits.endpointsPerShard),
  },
  { said: integer(0) },
);

/** @param most characters of base64 */
export function sealedUpTo(most: number): Decode<Sealed> {
  return object({ version: literal(1), keyId: text(64), nonce: text(64), sealed: text(most) });
}

const stringMap = record(text(256 * 1024), 256);

export const decodeStoredResource: Decode<StoredResource> = object(
  {
    resource: object({
      apiVersion: text(253),
      kind: oneOf<ObjectKind>(...objectKinds),
      metadata: object({ name: text(253), namespace }, { labels: stringMap, annotations: stringMap }),
      spec: record(anything),
    }),
    generation: integer(1),
    createdAtMs: integer(0),
  },
  { origin: text(4_096), sealed: sealedUpTo(2 * limits.secretBytes) },
);

/** An object whose keys are data, of this form. */
function keyed<Value>(form: RegExp, item: Decode<Value>, most: number): Decode<Readonly<Record<string, Value>>> {
  const values = record(item, most);
  const key = text(254, form);
  return (value, path) => {
    const entries = values(value, path);
    for (const name of Object.keys(entries)) key(name, `a key of ${path}`);
    return entries;
  };
}
