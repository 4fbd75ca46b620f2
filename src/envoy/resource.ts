/**
 * One Envoy resource, encoded once and shared by every stream that sends it. Its version is the hash of its bytes, so
 * it is the same on every node of one version of Weft.
 */
export type ResourceType = "cluster" | "endpoints" | "listener" | "route";

export const typeUrls: Readonly<Record<ResourceType, string>> = {
  cluster: "type.googleapis.com/envoy.config.cluster.v3.Cluster",
  endpoints: "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
  listener: "type.googleapis.com/envoy.config.listener.v3.Listener",
  route: "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
};

/** Make before break: what is named comes before what names it. Removals go the other way. */
export const deliveryOrder: readonly ResourceType[] = ["cluster", "endpoints", "listener", "route"];

export interface EncodedResource {
  readonly type: ResourceType;
  readonly name: string;
  /** Hex of the first 16 bytes of SHA-256 over `value`. */
  readonly version: string;
  /** The message itself, deterministic protobuf; xds wraps it in Any. */
  readonly value: Uint8Array;
  /**
   * What Envoy will ask for because of this resource, and waits for before it stops warming: a cluster's endpoints, a
   * listener's routes.
   */
  readonly asksFor: readonly { readonly type: ResourceType; readonly name: string }[];
}
