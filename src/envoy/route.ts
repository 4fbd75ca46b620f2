/**
 * Route table item → envoy.config.route.v3.RouteConfiguration. Virtual hosts are shared between tables, so each is
 * encoded once; a table's bytes are its own fields followed by theirs, which protobuf allows for repeated fields.
 */
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import type {
  QueryParameterMatcherSchema,
  RouteMatchSchema,
  RouteSchema,
  VirtualHostSchema,
} from "#envoy/envoy/config/route/v3/route_components_pb.js";
import { RouteConfigurationSchema } from "#envoy/envoy/config/route/v3/route_pb.js";
import type { PathMatch, Route, RouteMatch, RouteTableItem, VirtualHost } from "../compile/ir.ts";
import type { QueryMatch } from "../model/route.ts";
import type { Init } from "./any.ts";
import { httpFilters } from "./filter_order.ts";
import type { HttpFilterFile } from "./filters/filter.ts";
import { headerChanges } from "./header_changes.ts";
import { headerMatcher, routedString } from "./matchers.ts";
import { actionInit } from "./route_action.ts";

type RouteInit = MessageInitShape<typeof RouteSchema>;

export function routeTableBytes(item: RouteTableItem): Uint8Array {
  const own = create(RouteConfigurationSchema, {
    name: item.name,
    ignorePortInHostMatching: item.anyPort,
    // A cluster that is not there (any more, yet) answers 503; it must not hold up every other route.
    validateClusters: false,
    typedPerFilterConfig: perFilter((filter) => filter.table?.(item)),
  });
  return joined([toBinary(RouteConfigurationSchema, own), ...item.virtualHosts.map(virtualHostBytes)]);
}

function perFilter(said: (filter: HttpFilterFile) => Any | undefined): Record<string, Any> {
  const found = httpFilters.flatMap((filter): [string, Any][] => {
    const config = said(filter);
    return config ? [[filter.name, config]] : [];
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

function routeInit(route: Route): RouteInit {
  const { name, statPrefix, match, action, headers } = route;
  return {
    name: name ?? "",
    ...(statPrefix === undefined ? {} : { statPrefix }),
    match: matchInit(match),
    action: actionInit(action),
    ...headerChanges(headers),
    typedPerFilterConfig: perFilter((filter) => filter.route?.(route)),
  };
}

function matchInit(match: RouteMatch): MessageInitShape<typeof RouteMatchSchema> {
  if (match.kind === "connect") return { pathSpecifier: { case: "connectMatcher", value: {} } };
  return {
    pathSpecifier: pathInit(match.path),
    ...(match.path.ignoreCase ? { caseSensitive: false } : {}),
    headers: match.headers.map(headerMatcher),
    ...(match.query ? { queryParameters: match.query.map(queryMatcher) } : {}),
  };
}

function queryMatcher({ name, match }: QueryMatch): Init<typeof QueryParameterMatcherSchema> {
  const specifier =
    match.kind === "present"
      ? ({ case: "presentMatch", value: true } as const)
      : ({ case: "stringMatch", value: routedString(match) } as const);
  return { name, queryParameterMatchSpecifier: specifier };
}

function pathInit({ kind, value }: PathMatch): MessageInitShape<typeof RouteMatchSchema>["pathSpecifier"] & object {
  if (kind === "regex") return { case: "safeRegex", value: { regex: value } };
  return { case: kind === "exact" ? "path" : "prefix", value };
}
