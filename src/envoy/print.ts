/** Resources as people read them: protobuf's canonical JSON, for `proxy-config`, `meshctl compile` and golden files. */
import { type DescMessage, fromBinary, type JsonValue, type Message, toJson } from "@bufbuild/protobuf";
import { ClusterSchema } from "#envoy/envoy/config/cluster/v3/cluster_pb.js";
import { ClusterLoadAssignmentSchema } from "#envoy/envoy/config/endpoint/v3/endpoint_pb.js";
import { ListenerSchema } from "#envoy/envoy/config/listener/v3/listener_pb.js";
import { RouteConfigurationSchema } from "#envoy/envoy/config/route/v3/route_pb.js";
import { registry } from "./registry.ts";
import type { EncodedResource, ResourceType } from "./resource.ts";

const schemas: Readonly<Record<ResourceType, DescMessage>> = {
  cluster: ClusterSchema,
  endpoints: ClusterLoadAssignmentSchema,
  listener: ListenerSchema,
  route: RouteConfigurationSchema,
};

export function decoded({ type, value }: Pick<EncodedResource, "type" | "value">): {
  readonly schema: DescMessage;
  readonly message: Message;
} {
  const schema = schemas[type];
  return { schema, message: fromBinary(schema, value) };
}

export function resourceJson(resource: Pick<EncodedResource, "type" | "value">): JsonValue {
  const { schema, message } = decoded(resource);
  return toJson(schema, message, { registry });
}
