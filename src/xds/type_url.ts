/** The four types that Weft serves, by the URL that stands in requests, responses and `Any`. */
import { ClusterSchema } from "#envoy/envoy/config/cluster/v3/cluster_pb.js";
import { ClusterLoadAssignmentSchema } from "#envoy/envoy/config/endpoint/v3/endpoint_pb.js";
import { ListenerSchema } from "#envoy/envoy/config/listener/v3/listener_pb.js";
import { RouteConfigurationSchema } from "#envoy/envoy/config/route/v3/route_pb.js";
import type { ResourceType } from "../envoy/resource.ts";

const prefix = "type.googleapis.com/";

export const typeUrls: Readonly<Record<ResourceType, string>> = {
  cluster: prefix + ClusterSchema.typeName,
  endpoints: prefix + ClusterLoadAssignmentSchema.typeName,
  listener: prefix + ListenerSchema.typeName,
  route: prefix + RouteConfigurationSchema.typeName,
};

export const resourceTypes: readonly ResourceType[] = ["cluster", "endpoints", "listener", "route"];

export function perType<V>(make: (type: ResourceType) => V): Record<ResourceType, V> {
  return { cluster: make("cluster"), endpoints: make("endpoints"), listener: make("listener"), route: make("route") };
}

const byUrl: ReadonlyMap<string, ResourceType> = new Map(resourceTypes.map((type) => [typeUrls[type], type]));

export function typeOfUrl(url: string): ResourceType | undefined {
  return byUrl.get(url);
}
