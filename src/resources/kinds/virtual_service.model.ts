/** VirtualService → model. */
import type { Namespace } from "../../model/names.ts";
import {
  type Cors,
  type Destination,
  type Fault,
  type FixedResponse,
  type HeaderChanges,
  type HeaderEdits,
  type HeaderMatch,
  type HttpMatch,
  type HttpRoute,
  type Mirror,
  type PlaceMatch,
  type Redirect,
  type RetryPolicy,
  type Rewrite,
  redirectStatuses,
  type StringMatch,
  type VirtualService,
  type VirtualServiceRef,
} from "../../model/route.ts";
import { exportToOf, gatewayOf, hostOf, milliseconds, type Owner, undotted } from "./shared.model.ts";
import { meshNamespace } from "./shared.rules.ts";
import { grpcStatuses, isIgnoredHeader, type VirtualServiceSpec } from "./virtual_service.schema.ts";

type RouteSpec = NonNullable<VirtualServiceSpec["http"]>[number];
type MatchSpec = NonNullable<RouteSpec["match"]>[number];
type StringSpec = NonNullable<MatchSpec["uri"]>;
type ShareSpec = NonNullable<RouteSpec["route"]>[number];
type HeadersSpec = NonNullable<RouteSpec["headers"]>;

export function toVirtualService(spec: VirtualServiceSpec, owner: Owner): VirtualService {
  const gateways = (spec.gateways ?? []).map((word) => gatewayOf(word, owner));
  return {
    ...owner,
    hosts: (spec.hosts ?? []).map((word) => hostOf(word, owner)),
    gateways: gateways.length > 0 ? gateways : ["mesh"],
    exportTo: exportToOf(spec.exportTo, owner),
    http: (spec.http ?? []).map((route) => routeOf(route, owner)),
    tls: (spec.tls ?? []).map(({ match, route }) => ({
      matches: match.map((one) => ({
        sniHosts: one.sniHosts.map((host) => undotted(host.toLowerCase())),
        ...placeOf(one, owner),
      })),
      destinations: route.map((share) => shareOf(share, route.length, owner)),
    })),
    tcp: (spec.tcp ?? []).map(({ match = [], route }) => ({
      matches: match.map((one) => placeOf(one, owner)),
      destinations: route.map((share) => shareOf(share, route.length, owner)),
    })),
  };
}

function routeOf(route: RouteSpec, owner: Owner): HttpRoute {
  const { name, timeout, retries, rewrite, fault, corsPolicy } = route;
  const shares = route.route ?? [];
  const answer = answerOf(route);
  return {
    ...(name === undefined || name === "" ? {} : { name }),
    matches: (route.match ?? []).map((match) => matchOf(match, owner)),
    ...(route.delegate ? { delegate: delegateOf(route.delegate, owner) } : {}),
    ...(answer ? { answer } : {}),
    destinations: shares.map((share) => shareOf(share, shares.length, owner)),
    ...(rewrite ? { rewrite: rewriteOf(rewrite) } : {}),
    mirrors: mirrorsOf(route, owner),
    ...headersPart(route.headers),
    ...(fault ? { fault: faultOf(fault) } : {}),
    ...(corsPolicy ? { cors: corsOf(corsPolicy) } : {}),
    ...(timeout === undefined ? {} : { timeoutMs: milliseconds(timeout) }),
    ...(retries === undefined ? {} : { retries: retriesOf(retries) }),
  };
}

function delegateOf({ name, namespace }: NonNullable<RouteSpec["delegate"]>, owner: Owner): VirtualServiceRef {
  return { name, namespace: namespace === undefined ? owner.namespace : namespaceOf(namespace) };
}

function retriesOf(retries: NonNullable<RouteSpec["retries"]>): RetryPolicy {
  const { attempts, perTryTimeout, retryOn, backoff, retryRemoteLocalities, retryIgnorePreviousHosts } = retries;
  return {
    attempts: attempts ?? 0,
    ...(perTryTimeout === undefined ? {} : { perTryTimeoutMs: milliseconds(perTryTimeout) }),
    retryOn: (retryOn ?? "").split(",").filter((word) => word !== ""),
    ...(backoff === undefined ? {} : { backoffMs: milliseconds(backoff) }),
    remoteLocalities: retryRemoteLocalities ?? false,
    samePlace: retryIgnorePreviousHosts === false,
  };
}

function placeOf(
  { port, gateways = [], sourceNamespace, sourceLabels }: Pick<MatchSpec, keyof PlaceMatch>,
  owner: Owner,
): PlaceMatch {
  return {
    ...(port === undefined ? {} : { port }),
    gateways: gateways.map((word) => gatewayOf(word, owner)),
    ...(sourceNamespace ? { sourceNamespace: namespaceOf(sourceNamespace) } : {}),
    ...(sourceLabels ? { sourceLabels } : {}),
  };
}

function shareOf({ destination, weight, headers }: ShareSpec, of: number, owner: Owner): Destination {
  return {
    ...destinationOf(destination, owner),
    weight: of === 1 ? 100 : (weight ?? 0),
    ...headersPart(headers),
  };
}

function destinationOf({ host, subset, port }: ShareSpec["destination"], owner: Owner): Destination {
  return {
    host: hostOf(host, owner),
    ...(subset === undefined || subset === "" ? {} : { subset }),
    ...(port === undefined ? {} : { port: port.number }),
    weight: 100,
  };
}

function answerOf({ redirect, directResponse }: RouteSpec): Redirect | FixedResponse | undefined {
  if (directResponse) {
    const body = directResponse.body?.string;
    return { kind: "respond", status: directResponse.status, ...(body ? { body } : {}) };
  }
  if (!redirect) return undefined;
  const { uri, authority, scheme, derivePort } = redirect;
  const port = derivePort === "FROM_REQUEST_PORT" ? "request" : redirect.port;
  return {
    kind: "redirect",
    ...(uri ? { path: uri } : {}),
    ...(authority ? { host: authority } : {}),
    ...(scheme ? { scheme } : {}),
    ...(port === undefined ? {} : { port }),
    status: redirectStatuses.find((status) => status === redirect.redirectCode) ?? 301,
  };
}

function rewriteOf({ uri, authority, uriRegexRewrite }: NonNullable<RouteSpec["rewrite"]>): Rewrite {
  return {
    ...(uri ? { path: uri } : {}),
    ...(uriRegexRewrite ? { pathRegex: uriRegexRewrite } : {}),
    ...(authority ? { host: authority } : {}),
  };
}

/** `mirror` and its percentage, then `mirrors`; what is not said is all. */
function mirrorsOf({ mirror, mirrorPercentage, mirrorPercent, mirrors }: RouteSpec, owner: Owner): readonly Mirror[] {
  const percent = mirrorPercentage?.value ?? mirrorPercent ?? 100;
  const first = mirror ? [{ said: "mirror" as const, destination: destinationOf(mirror, owner), percent }] : [];
  const others = (mirrors ?? []).map(({ destination, percentage }, index) => ({
    said: index,
    destination: destinationOf(destination, owner),
    percent: percentage?.value ?? 100,
  }));
  return [...first, ...others].filter((one) => one.percent > 0);
}

/** A percentage that is not said is none. */
function faultOf({ delay, abort }: NonNullable<RouteSpec["fault"]>): Fault {
  const percentOf = (spec: { readonly percentage?: { readonly value?: number }; readonly percent?: number }): number =>
    spec.percentage?.value ?? spec.percent ?? 0;
  return {
    ...(delay ? { delay: { ms: milliseconds(delay.fixedDelay), percent: percentOf(delay) } } : {}),
    ...(abort
      ? {
          abort: {
            ...(abort.grpcStatus
              ? { grpc: grpcStatuses.indexOf(abort.grpcStatus) }
              : { status: abort.httpStatus ?? 500 }),
            percent: percentOf(abort),
          },
        }
      : {}),
  };
}

function corsOf(cors: NonNullable<RouteSpec["corsPolicy"]>): Cors {
  const { allowOrigins, allowMethods, allowHeaders, exposeHeaders, maxAge, allowCredentials, unmatchedPreflights } =
    cors;
  return {
    origins: (allowOrigins ?? []).map(stringMatchOf),
    methods: allowMethods ?? [],
    headers: allowHeaders ?? [],
    exposes: exposeHeaders ?? [],
    ...(maxAge === undefined ? {} : { maxAgeSeconds: Math.floor(milliseconds(maxAge) / 1_000) }),
    ...(allowCredentials === undefined ? {} : { credentials: allowCredentials }),
    forwardUnmatched: unmatchedPreflights !== "IGNORE",
  };
}

function headersPart(headers: HeadersSpec | undefined): { readonly headers?: HeaderChanges } {
  if (!headers) return {};
  const { request, response } = headers;
  return {
    headers: {
      ...(request ? { request: editsOf(request) } : {}),
      ...(response ? { response: editsOf(response) } : {}),
    },
  };
}

function editsOf({ set, add, remove }: NonNullable<HeadersSpec["request"]>): HeaderEdits {
  const lower = (values: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> =>
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name.toLowerCase(), value]));
  return { set: lower(set), add: lower(add), remove: (remove ?? []).map((name) => name.toLowerCase()) };
}

function matchOf(match: MatchSpec, owner: Owner): HttpMatch {
  const { uri, method, authority } = match;
  return {
    ...stringPart("uri", uri),
    ignoreUriCase: match.ignoreUriCase ?? false,
    ...stringPart("scheme", match.scheme),
    ...stringPart("method", method),
    ...stringPart("authority", authority),
    headers: headersOf(match.headers),
    withoutHeaders: headersOf(match.withoutHeaders),
    query: Object.entries(match.queryParams ?? {}).map(([name, spec]) => ({ name, match: stringMatchOf(spec) })),
    ...placeOf(match, owner),
    ...(match.statPrefix ? { statPrefix: match.statPrefix } : {}),
  };
}

function namespaceOf(word: string): Namespace {
  return meshNamespace(word) as Namespace;
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

function stringMatchOf({ exact, prefix, regex }: Pick<StringSpec, "exact" | "prefix" | "regex">): StringMatch {
  if (exact !== undefined) return { kind: "exact", value: exact };
  if (prefix !== undefined) return { kind: "prefix", value: prefix };
  return regex === undefined ? { kind: "present" } : { kind: "regex", value: regex };
}

function headersOf(headers: Readonly<Record<string, StringSpec>> | undefined): readonly HeaderMatch[] {
  const read = Object.entries(headers ?? {}).filter(([name]) => !isIgnoredHeader(name));
  return read.map(([name, spec]) => ({ name: name.toLowerCase(), match: stringMatchOf(spec) }));
}
