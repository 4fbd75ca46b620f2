/** Hand-built Envoy resources, encoded as the envoy room encodes them. */
import { createHash } from "node:crypto";
import { create, type DescMessage, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { Cluster_DiscoveryType, ClusterSchema } from "#envoy/envoy/config/cluster/v3/cluster_pb.js";
import { AddressSchema } from "#envoy/envoy/config/core/v3/address_pb.js";
import {
  AggregatedConfigSourceSchema,
  ApiVersion,
  ConfigSourceSchema,
} from "#envoy/envoy/config/core/v3/config_source_pb.js";
import { ClusterLoadAssignmentSchema } from "#envoy/envoy/config/endpoint/v3/endpoint_pb.js";
import { FilterSchema } from "#envoy/envoy/config/listener/v3/listener_components_pb.js";
import { ListenerSchema } from "#envoy/envoy/config/listener/v3/listener_pb.js";
import { RouteConfigurationSchema } from "#envoy/envoy/config/route/v3/route_pb.js";
import { RouterSchema } from "#envoy/envoy/extensions/filters/http/router/v3/router_pb.js";
import { HttpConnectionManagerSchema } from "#envoy/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import type { EncodedResource, ResourceType } from "../../src/envoy/resource.ts";

export function encode<S extends DescMessage>(
  type: ResourceType,
  name: string,
  message: { readonly schema: S; readonly value: MessageShape<S>; readonly asksFor?: EncodedResource["asksFor"] },
): EncodedResource {
  const value = toBinary(message.schema, message.value);
  const version = createHash("sha256").update(value).digest("hex").slice(0, 32);
  return { type, name, version, value, asksFor: message.asksFor ?? [] };
}

const ads = create(ConfigSourceSchema, {
  resourceApiVersion: ApiVersion.V3,
  configSourceSpecifier: { case: "ads", value: create(AggregatedConfigSourceSchema) },
});

export function cluster(name: string, options: { readonly connectMs?: number } = {}): EncodedResource {
  const value = create(ClusterSchema, {
    name,
    clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.EDS },
    edsClusterConfig: { edsConfig: ads },
    connectTimeout: { seconds: 0n, nanos: (options.connectMs ?? 250) * 1e6 },
  });
  return encode("cluster", name, { schema: ClusterSchema, value, asksFor: [{ type: "endpoints", name }] });
}

function address(host: string, port: number) {
  return create(AddressSchema, {
    address: {
      case: "socketAddress",
      value: { address: host, portSpecifier: { case: "portValue", value: port } },
    },
  });
}

export function endpoints(
  name: string,
  hosts: readonly { readonly host: string; readonly port: number }[],
): EncodedResource {
  const value = create(ClusterLoadAssignmentSchema, {
    clusterName: name,
    endpoints: [
      {
        lbEndpoints: hosts.map(({ host, port }) => ({
          hostIdentifier: { case: "endpoint" as const, value: { address: address(host, port) } },
        })),
      },
    ],
  });
  return encode("endpoints", name, { schema: ClusterLoadAssignmentSchema, value });
}

export function route(name: string, clusters: readonly string[]): EncodedResource {
  const value = create(RouteConfigurationSchema, {
    name,
    virtualHosts: clusters.map((target, i) => ({
      name: target,
      domains: i === 0 ? ["*"] : [target],
      routes: [
        {
          match: { pathSpecifier: { case: "prefix" as const, value: "/" } },
          action: {
            case: "route" as const,
            value: { clusterSpecifier: { case: "cluster" as const, value: target } },
          },
        },
      ],
    })),
  });
  return encode("route", name, { schema: RouteConfigurationSchema, value });
}

export function listener(
  name: string,
  options: { readonly port: number; readonly routes: string; readonly statPrefix?: string },
): EncodedResource {
  const manager = create(HttpConnectionManagerSchema, {
    statPrefix: options.statPrefix ?? name,
    routeSpecifier: { case: "rds", value: { routeConfigName: options.routes, configSource: ads } },
    httpFilters: [
      {
        name: "envoy.filters.http.router",
        configType: { case: "typedConfig", value: anyPack(RouterSchema, create(RouterSchema)) },
      },
    ],
  });
  const filter = create(FilterSchema, {
    name: "envoy.filters.network.http_connection_manager",
    configType: { case: "typedConfig", value: anyPack(HttpConnectionManagerSchema, manager) },
  });
  const value = create(ListenerSchema, {
    name,
    address: address("127.0.0.1", options.port),
    filterChains: [{ filters: [filter] }],
  });
  const asksFor = [{ type: "route" as const, name: options.routes }];
  return encode("listener", name, { schema: ListenerSchema, value, asksFor });
}
