/**
 * What the records of the store say, decoded once as they enter the replica. A record that cannot be decoded leaves the
 * object as it was last understood (store/replica.ts).
 */
import { type AuthorityState, authority } from "../actors/kinds/authority.ts";
import { type HostSessionsState, hostSessions } from "../actors/kinds/host_sessions.ts";
import { type PolicyState, policy } from "../actors/kinds/policy.ts";
import { type ServiceState, service } from "../actors/kinds/service.ts";
import { stateInRecord } from "../actors/runtime/envelope.ts";
import { withKnown } from "../compile/same.ts";
import { decodeShard, decodeStoredResource, decodeWorkload } from "../model/decode.ts";
import { type Delivery, decodeDelivery } from "../model/delivery.ts";
import type { EndpointShard } from "../model/endpoint.ts";
import type { Namespace, ServiceRef } from "../model/names.ts";
import type { MeshObject, StoredResource } from "../model/object.ts";
import type { Workload } from "../model/workload.ts";
import { limits } from "../platform/limits.ts";
import { toModel } from "../resources/to_model.ts";
import { namesInKey, recordKind } from "../store/keys.ts";
import type { RecordKey, StoreRecord } from "../store/store.ts";

export type MeshRecord =
  | { readonly kind: "object"; readonly stored: StoredResource; readonly object: MeshObject }
  | { readonly kind: "workload"; readonly workload: Workload }
  | { readonly kind: "shard"; readonly shard: EndpointShard }
  | { readonly kind: "service"; readonly service: ServiceRef; readonly state: ServiceState }
  | { readonly kind: "authority"; readonly state: AuthorityState }
  | { readonly kind: "host-sessions"; readonly state: HostSessionsState }
  | { readonly kind: "policy"; readonly state: PolicyState }
  | { readonly kind: "delivery"; readonly delivery: Delivery }
  /** Of those who read the store themselves: hosts, tokens, and kinds of a newer version. */
  | { readonly kind: "other" };

/** What of the store a node holds; hosts, tokens and the log are read where they stand. */
export const meshRecordKinds = ["object", "workload", "service", "policy", "authority", "host-sessions", "delivery"];

/** Of a shard the object is read and nothing else, and there are many. */
export function isShardKey(key: RecordKey): boolean {
  return recordKind(key) === "endpoints";
}

/** service.NS.NAME: both are DNS labels, which are their own tokens. */
function serviceOfKey(key: RecordKey): ServiceRef {
  const [, namespace = "", name = ""] = namesInKey(key);
  return { namespace: namespace as Namespace, name };
}

/** To read its states with; who decides is another. */
const sessions = hostSessions(limits.hostLeaseMs);

/** @param before the record as it was understood: what has not changed since is kept from it. */
export function decodeMeshRecord(record: StoreRecord, before?: MeshRecord): MeshRecord {
  const { key, value } = record;
  switch (recordKind(key)) {
    case "object": {
      const stored = decodeStoredResource(value, key);
      return { kind: "object", stored, object: toModel(stored) };
    }
    case "workload":
      return { kind: "workload", workload: decodeWorkload(value, key) };
    case "endpoints":
      return {
        kind: "shard",
        shard: shardAfter(decodeShard(value, key), before?.kind === "shard" ? before.shard : undefined),
      };
    case "service":
      return { kind: "service", service: serviceOfKey(key), state: stateInRecord(service, value, key) };
    case "authority":
      return { kind: "authority", state: stateInRecord(authority, value, key) };
    case "host-sessions":
      return { kind: "host-sessions", state: stateInRecord(sessions, value, key) };
    case "policy":
      return { kind: "policy", state: stateInRecord(policy, value, key) };
    case "delivery":
      return { kind: "delivery", delivery: decodeDelivery(value, key) };
    default:
      return { kind: "other" };
  }
}

/** Most changes are of one endpoint, and a service is changed often: all its others would be old for V8, and then garbage. */
function shardAfter(shard: EndpointShard, before: EndpointShard | undefined): EndpointShard {
  if (!before) return shard;
  return {
    ...shard,
    ports: withKnown(shard.ports, before.ports),
    endpoints: withKnown(shard.endpoints, before.endpoints),
  };
}
