/** Endpoints item → envoy.config.endpoint.v3.ClusterLoadAssignment. */
import { create } from "@bufbuild/protobuf";
import { HealthStatus } from "#envoy/envoy/config/core/v3/health_check_pb.js";
import {
  type ClusterLoadAssignment,
  ClusterLoadAssignmentSchema,
} from "#envoy/envoy/config/endpoint/v3/endpoint_pb.js";
import type { EndpointsItem, ReachableEndpoint } from "../compile/ir.ts";
import { socketAddress } from "./any.ts";
import { plaintextTlsMode, tlsModeKey, transportMetadata } from "./transport_socket.ts";

const healths: Readonly<Record<ReachableEndpoint["health"], HealthStatus>> = {
  // Taken for healthy, and as Envoy's default not written.
  healthy: HealthStatus.UNKNOWN,
  unhealthy: HealthStatus.UNHEALTHY,
  draining: HealthStatus.DRAINING,
};

export function endpointsMessage({ name, localities }: EndpointsItem): ClusterLoadAssignment {
  return create(ClusterLoadAssignmentSchema, {
    clusterName: name,
    endpoints: localities.map(({ locality, priority, share, endpoints }) => {
      const [region = "", zone = ""] = locality.split("/");
      return {
        ...(locality ? { locality: { region, zone } } : {}),
        ...(priority === undefined ? {} : { priority }),
        ...(share === undefined ? {} : { loadBalancingWeight: share }),
        lbEndpoints: endpoints.map(endpointMessage),
      };
    }),
  });
}

/** Not the others: a service of the mesh may have thousands of endpoints, and few or none of them are marked. */
const plaintextMetadata = { filterMetadata: { [transportMetadata]: { [tlsModeKey]: plaintextTlsMode } } };

function endpointMessage(endpoint: ReachableEndpoint) {
  return {
    hostIdentifier: { case: "endpoint", value: { address: socketAddress(endpoint) } },
    healthStatus: healths[endpoint.health],
    // Envoy's default.
    ...(endpoint.weight === 1 ? {} : { loadBalancingWeight: endpoint.weight }),
    ...(endpoint.plaintext ? { metadata: plaintextMetadata } : {}),
  } as const;
}
