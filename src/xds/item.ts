/** A resource where it stands: what streams are sent, and what stands in for one that nobody made. */
import { create, toBinary } from "@bufbuild/protobuf";
import { ClusterLoadAssignmentSchema } from "#envoy/envoy/config/endpoint/v3/endpoint_pb.js";
import { RouteConfigurationSchema } from "#envoy/envoy/config/route/v3/route_pb.js";
import type { EncodedResource, ResourceType } from "../envoy/resource.ts";
import { firstStep, type Step } from "./step.ts";

/** A resource in its layer. */
export interface Item {
  readonly resource: EncodedResource;
  /** When it became what it is. */
  readonly step: Step;
  /** Its `Resource` field of a delta response, made when first sent (frame.ts). */
  slice: Buffer | undefined;
}

/** What stands in for a resource that is asked for and that no layer has. */
export function emptyItem(type: ResourceType, name: string): Item | undefined {
  if (type !== "endpoints" && type !== "route") return undefined;
  const value =
    type === "endpoints"
      ? toBinary(ClusterLoadAssignmentSchema, create(ClusterLoadAssignmentSchema, { clusterName: name }))
      : toBinary(RouteConfigurationSchema, create(RouteConfigurationSchema, { name }));
  const resource: EncodedResource = { type, name, version: "empty", value, asksFor: [] };
  return { resource, step: firstStep, slice: undefined };
}
