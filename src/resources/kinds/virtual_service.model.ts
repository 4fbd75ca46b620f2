/** VirtualService → model. */
import type { Destination, HeaderMatch, HttpMatch, HttpRoute, StringMatch, VirtualService } from "../../model/route.ts";
import { exportToOf, gatewayOf, hostOf, milliseconds, type Owner } from "./shared.model.ts";
import type { VirtualServiceSpec } from "./virtual_service.schema.ts";

type RouteSpec = VirtualServiceSpec["http"][number];
type MatchSpec = NonNullable<RouteSpec["match"]>[number];
type StringSpec = NonNullable<MatchSpec["uri"]>;

export function toVirtualService(spec: VirtualServiceSpec, owner: Owner): VirtualService {
  const gateways = (spec.gateways ?? []).map((word) => gatewayOf(word, owner));
  return {
    ...owner,
    hosts: spec.hosts.map((word) => hostOf(word, owner)),
    gateways: gateways.length > 0 ? gateways : ["mesh"],
    exportTo: exportToOf(spec.exportTo, owner),
    http: spec.http.map((route) => routeOf(route, owner)),
  };
}

function routeOf(route: RouteSpec, owner: Owner): HttpRoute {
  const { name, timeout, retries } = route;
  return {
    ...(name === undefined || name === "" ? {} : { name }),
    matches: (route.match ?? []).map((match) => matchOf(match, owner)),
    destinations: route.route.map((share) => destinationOf(share, route.route.length, owner)),
    ...(timeout === undefined ? {} : { timeoutMs: milliseconds(timeout) }),
    ...(retries === undefined
      ? {}
      : {
          retries: {
            attempts: retries.attempts ?? 0,
            ...(retries.perTryTimeout === undefined ? {} : { perTryTimeoutMs: milliseconds(retries.perTryTimeout) }),
            retryOn: (retries.retryOn ?? "").split(",").filter((word) => word !== ""),
          },
        }),
  };
}

function destinationOf({ destination, weight }: RouteSpec["route"][number], of: number, owner: Owner): Destination {
  const { host, subset, port } = destination;
  return {
    host: hostOf(host, owner),
    ...(subset === undefined || subset === "" ? {} : { subset }),
    ...(port === undefined ? {} : { port: port.number }),
    weight: of === 1 ? 100 : (weight ?? 0),
  };
}

function matchOf(match: MatchSpec, owner: Owner): HttpMatch {
  const { uri, method, authority, port } = match;
  return {
    ...stringPart("uri", uri),
    ignoreUriCase: match.ignoreUriCase ?? false,
    ...stringPart("method", method),
    ...stringPart("authority", authority),
    headers: headersOf(match.headers),
    withoutHeaders: headersOf(match.withoutHeaders),
    ...(port === undefined ? {} : { port }),
    gateways: (match.gateways ?? []).map((word) => gatewayOf(word, owner)),
  };
}

/** Every request has a path, a method and an authority: to ask only that they are there asks nothing. */
function stringPart<Name extends string>(
  name: Name,
  spec: StringSpec | undefined,
): { readonly [N in Name]?: StringMatch } {
  const match = spec === undefined ? undefined : stringMatchOf(spec);
  const part: { [N in Name]?: StringMatch } = {};
  if (match && match.kind !== "present") part[name] = match;
  return part;
}

function stringMatchOf({ exact, prefix, regex }: StringSpec): StringMatch {
  if (exact !== undefined) return { kind: "exact", value: exact };
  if (prefix !== undefined) return { kind: "prefix", value: prefix };
  return regex === undefined ? { kind: "present" } : { kind: "regex", value: regex };
}

function headersOf(headers: Readonly<Record<string, StringSpec>> | undefined): readonly HeaderMatch[] {
  return Object.entries(headers ?? {}).map(([name, spec]) => ({
    name: name.toLowerCase(),
    match: stringMatchOf(spec),
  }));
}
