/**
 * Layers: the shared parts of which every proxy's configuration is a stack. A proxy's layers are listed from the widest
 * to its own; a name in a later layer hides the same name in an earlier one. Memory follows layers, not proxies.
 */
import type { Branded, Namespace } from "../model/names.ts";
import type { PlaceName } from "./places.ts";

/** For example clusters/mesh, clusters/ns/shop, endpoints/mesh, routes/ns/shop, own/reviews-v1.shop */
export type LayerKey = Branded<"layer">;

export function layerKey(...parts: readonly string[]): LayerKey {
  return parts.join("/") as LayerKey;
}

export const clustersMesh = layerKey("clusters", "mesh");
export const endpointsMesh = layerKey("endpoints", "mesh");
/** Clusters as gateways are told of them, where it is otherwise. */
export const gatewayClustersMesh = layerKey("clusters", "gateways");

/** Likewise, of the namespace's gateways alone. */
export function gatewayClusters(namespace: Namespace): LayerKey {
  return layerKey("clusters", "gateways", namespace);
}

/** What callers of a namespace may reach where no Sidecar holds, the widest first. */
export function layersOfDestinations(namespace: Namespace, place: PlaceName): readonly LayerKey[] {
  return [clustersMesh, endpointsMesh, ...layersOfNamespace(namespace, place)];
}

/** What a namespace's gateways may reach, likewise. */
export function layersOfGateway(namespace: Namespace, place: PlaceName): readonly LayerKey[] {
  const own = layersOfNamespace(namespace, place);
  return [clustersMesh, gatewayClustersMesh, endpointsMesh, ...own, gatewayClusters(namespace)];
}

function layersOfNamespace(namespace: Namespace, place: PlaceName): readonly LayerKey[] {
  const [clusters, endpoints] = [layerKey("clusters", "ns", namespace), layerKey("endpoints", "ns", namespace)];
  const near = place === "" ? [] : [nearLayer(namespace, place)];
  return [clusters, endpoints, ...near];
}

/** Endpoints that callers of the namespace see otherwise from there. */
export function nearLayer(namespace: Namespace, place: PlaceName): LayerKey {
  return layerKey("endpoints", "near", namespace, place);
}

/** What became of one layer in one step: later changes to a name replace earlier ones. */
export interface LayerChange<Item> {
  readonly layer: LayerKey;
  readonly set: readonly Item[];
  readonly removed: readonly { readonly type: "cluster" | "endpoints" | "listener" | "route"; readonly name: string }[];
}

/** How far a step's inputs go in the two streams. A proxy that acknowledged the step holds both. */
export interface Position {
  readonly records: number;
  readonly endpoints: number;
}
