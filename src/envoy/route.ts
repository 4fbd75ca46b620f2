/**
 * Route table item → envoy.config.route.v3.RouteConfiguration. Virtual hosts are shared between tables, so each is
 * encoded once; a table's bytes are its own fields followed by theirs, which protobuf allows for repeated fields.
 */
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import type {
  RouteActionSchema,
  RouteMatchSchema,
  RouteSchema,
  VirtualHostSchema,
} from "#envoy/envoy/config/route/v3/route_components_pb.js";
import { RouteConfigurationSchema } from "#envoy/envoy/config/route/v3/route_pb.js";
import { PreviousHostsPredicateSchema } from "#envoy/envoy/extensions/retry/host/previous_hosts/v3/previous_hosts_pb.js";
import type { PathMatch, Retries, Route, RouteAction, RouteMatch, RouteTableItem, VirtualHost } from "../compile/ir.ts";
import { duration, packed } from "./any.ts";
import { httpFilters } from "./filter_order.ts";
import { headerMatcher } from "./matchers.ts";

type RouteInit = MessageInitShape<typeof RouteSchema>;

export function routeTableBytes(item: RouteTableItem): Uint8Array {
  const own = create(RouteConfigurationSchema, {
    name: item.name,
    ignorePortInHostMatching: item.anyPort,
    // A cluster that is not there (any more, yet) answers 503; it must not hold up every other route.
    validateClusters: false,
    typedPerFilterConfig: filterConfigs(item),
  });
  return joined([toBinary(RouteConfigurationSchema, own), ...item.virtualHosts.map(virtualHostBytes)]);
}

function filterConfigs({ access }: RouteTableItem): Record<string, Any> {
  if (!access) return {};
  const found = httpFilters.flatMap(({ name, table }): [string, Any][] => {
    const config = table?.(access);
    return config ? [[name, config]] : [];
  });
  return Object.fromEntries(found.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Keyed by the item itself: virtual hosts are immutable, and the compiler keeps one that did not change. */
const encodedHosts = new WeakMap<VirtualHost, Uint8Array>();

function virtualHostBytes(virtualHost: VirtualHost): Uint8Array {
  const known = encodedHosts.get(virtualHost);
  if (known) return known;
  const message = create(RouteConfigurationSchema, { virtualHosts: [virtualHostInit(virtualHost)] });
  const bytes = toBinary(RouteConfigurationSchema, message);
  encodedHosts.set(virtualHost, bytes);
  return bytes;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

function virtualHostInit({ name, domains, routes }: VirtualHost): MessageInitShape<typeof VirtualHostSchema> {
  return { name, domains: [...domains], routes: routes.map(routeInit) };
}

function routeInit({ name, match, action }: Route): RouteInit {
  return { name: name ?? "", match: matchInit(match), action: actionInit(action) };
}

function matchInit(match: RouteMatch): MessageInitShape<typeof RouteMatchSchema> {
  if (match.kind === "connect") return { pathSpecifier: { case: "connectMatcher", value: {} } };
  return {
    pathSpecifier: pathInit(match.path),
    ...(match.path.ignoreCase ? { caseSensitive: false } : {}),
    headers: match.headers.map(headerMatcher),
  };
}

function pathInit({ kind, value }: PathMatch): MessageInitShape<typeof RouteMatchSchema>["pathSpecifier"] & object {
  if (kind === "regex") return { case: "safeRegex", value: { regex: value } };
  return { case: kind === "exact" ? "path" : "prefix", value };
}

function actionInit(action: RouteAction): RouteInit["action"] & object {
  if (action.kind === "respond") return { case: "directResponse", value: { status: action.status } };
  const [first, ...others] = action.clusters;
  const clusterSpecifier: MessageInitShape<typeof RouteActionSchema>["clusterSpecifier"] & object =
    first && others.length === 0
      ? { case: "cluster", value: first.name }
      : {
          case: "weightedClusters",
          value: { clusters: action.clusters.map(({ name, weight }) => ({ name, weight })) },
        };
  return {
    case: "route",
    value: {
      clusterSpecifier,
      timeout: duration(action.timeoutMs),
      ...(action.retries ? { retryPolicy: retryInit(action.retries) } : {}),
    },
  };
}

/** How many picks Envoy may spend to find an endpoint that was not tried; Istio's figure. */
const hostSelectionAttempts = 5n;

function retryInit(retries: Retries): MessageInitShape<typeof RouteActionSchema>["retryPolicy"] & object {
  const value = packed(PreviousHostsPredicateSchema, {});
  return {
    retryOn: retries.on.join(","),
    numRetries: retries.attempts,
    retriableStatusCodes: [...retries.statusCodes],
    ...(retries.perTryTimeoutMs === undefined ? {} : { perTryTimeout: duration(retries.perTryTimeoutMs) }),
    ...(retries.elsewhere
      ? {
          retryHostPredicate: [
            { name: "envoy.retry_host_predicates.previous_hosts", configType: { case: "typedConfig", value } as const },
          ],
          hostSelectionRetryMaxAttempts: hostSelectionAttempts,
        }
      : {}),
  };
}
