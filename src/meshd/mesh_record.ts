/**
 * What the records of the store say, decoded once as they enter the replica. A record that cannot be decoded leaves the
 * object as it was last understood (store/replica.ts).
 */
import { type AuthorityState, authority } from "../actors/kinds/authority.ts";
import { type ServiceState, service } from "../actors/kinds/service.ts";
import { stateInRecord } from "../actors/runtime/envelope.ts";
import { decodeShard, decodeStoredResource, decodeWorkload } from "../model/decode.ts";
import type { EndpointShard } from "../model/endpoint.ts";
import type { MeshObject, StoredResource } from "../model/object.ts";
import type { Workload } from "../model/workload.ts";
import { toModel } from "../resources/to_model.ts";
import { recordKind } from "../store/keys.ts";
import type { StoreRecord } from "../store/store.ts";

export type MeshRecord =
  | { readonly kind: "object"; readonly stored: StoredResource; readonly object: MeshObject }
  | { readonly kind: "workload"; readonly workload: Workload }
  | { readonly kind: "shard"; readonly shard: EndpointShard }
  | { readonly kind: "service"; readonly state: ServiceState }
  | { readonly kind: "authority"; readonly state: AuthorityState }
  /** Of those who read the store themselves: hosts, tokens, and kinds of a newer version. */
  | { readonly kind: "other" };

export function decodeMeshRecord(record: StoreRecord): MeshRecord {
  const { key, value } = record;
  switch (recordKind(key)) {
    case "object": {
      const stored = decodeStoredResource(value, key);
      return { kind: "object", stored, object: toModel(stored) };
    }
    case "workload":
      return { kind: "workload", workload: decodeWorkload(value, key) };
    case "endpoints":
      return { kind: "shard", shard: decodeShard(value, key) };
    case "service":
      return { kind: "service", state: stateInRecord(service, value, key) };
    case "authority":
      return { kind: "authority", state: stateInRecord(authority, value, key) };
    default:
      return { kind: "other" };
  }
}
