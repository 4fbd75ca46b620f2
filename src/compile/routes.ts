/** A VirtualService's HTTP routes → routes of a virtual host, in one context: a gateway or the mesh, and a port. Pure. */
import type { ServicePort } from "../model/endpoint.ts";
import type { Host } from "../model/names.ts";
import type { RouteWords } from "../model/plain_words.ts";
import type {
  Destination,
  HeaderChanges,
  HttpMatch,
  HttpRoute,
  PlaceMatch,
  Redirect,
  RetryPolicy,
  StringMatch,
} from "../model/route.ts";
import type { HashKey } from "../model/traffic.ts";
import type { HashOf } from "./hashing.ts";
import type { PathMatch, Retries, Route, RouteAction, RouteHeaderMatch, WeightedCluster } from "./ir.ts";
import { outboundCluster } from "./naming.ts";
import { filledRoute } from "./plain_words.ts";
import { same } from "./same.ts";
import { isFrom, type Source } from "./source.ts";

/** The ports of a service; undefined: there is no such service. */
export type PortsOf = (host: Host) => readonly ServicePort[] | undefined;

/** What routes ask of the services that they lead to. */
export interface Services {
  readonly portsOf: PortsOf;
  readonly wordsOf: (host: Host) => RouteWords;
  readonly hashOf: HashOf;
}

export interface RouteContext extends Services {
  /** namespace/name of the gateway, or "mesh". */
  readonly gateway: string;
  /** The port of the request; undefined: any that no other virtual host has. */
  readonly port: number | undefined;
  readonly source: Source;
}

/** What a match may ask of where a request comes from. */
export type Arrival = Pick<RouteContext, "gateway" | "port" | "source">;

/** CONNECT is not what this way out is for: TCP goes through declared upstreams. */
export const refuseConnect: Route = { match: { kind: "connect" }, action: { kind: "respond", status: 405 } };

const everyPath: PathMatch = { kind: "prefix", value: "/", ignoreCase: false };

export const everyRequest: Route["match"] = { kind: "request", path: everyPath, headers: [] };

export function routesOf(http: readonly HttpRoute[], context: RouteContext): readonly Route[] {
  return http.flatMap((said) => {
    const route = withWords(said, context);
    const { host, headers } = hostApart(route.headers);
    const action = actionOf(route, host, context);
    const parts = {
      ...(route.name === undefined ? {} : { name: route.name }),
      ...(headers ? { headers } : {}),
      ...(route.fault ? { fault: route.fault } : {}),
      ...(route.cors ? { cors: route.cors } : {}),
    };
    return matchesHere(route.matches, context).map((number) => {
      const match = number === undefined ? undefined : route.matches[number];
      return {
        ...parts,
        ...(match?.statPrefix === undefined ? {} : { statPrefix: match.statPrefix }),
        match: requestMatch(match),
        action,
      };
    });
  });
}

/** Of each of `routesOf`'s, in their order: the number of its route in `http`, and of its match in that. */
export function numbersOf(http: readonly HttpRoute[], context: Arrival): readonly RouteNumbers[] {
  return http.flatMap(({ matches }, route) => matchesHere(matches, context).map((match) => ({ route, match })));
}

export interface RouteNumbers {
  readonly route: number;
  /** undefined: it has none, and every request is meant. */
  readonly match: number | undefined;
}

function matchesHere(matches: readonly HttpMatch[], context: Arrival): readonly (number | undefined)[] {
  if (matches.length === 0) return [undefined];
  return matches.flatMap((match, number) => (applies(match, context) ? number : []));
}

/** Where requests for a service go that no VirtualService speaks of. */
export function defaultRoute(cluster: string, words: RouteWords, hash: HashKey | undefined): Route {
  const { timeoutMs = 0, retries, fault } = words;
  const action = forward([{ name: cluster, weight: 100 }], timeoutMs, retries ? retriesOf(retries) : defaultRetries);
  return {
    match: everyRequest,
    action: { ...action, ...hashPart(hash ? [hash] : []) },
    ...(fault ? { fault } : {}),
  };
}

/** Of a route to several services none has the say. */
function withWords(route: HttpRoute, { wordsOf }: RouteContext): HttpRoute {
  const [host, ...others] = new Set(route.destinations.map((destination) => destination.host));
  return host === undefined || others.length > 0 ? route : filledRoute(route, wordsOf(host));
}

export function applies(match: PlaceMatch, { gateway, port, source }: Arrival): boolean {
  if (match.port !== undefined && match.port !== port) return false;
  return match.gateways.length > 0 ? match.gateways.includes(gateway) : isFrom(match, source);
}

function requestMatch(match: HttpMatch | undefined): Route["match"] {
  if (!match) return everyRequest;
  const headers: RouteHeaderMatch[] = [];
  if (match.scheme) headers.push({ name: ":scheme", match: match.scheme, invert: false });
  if (match.method) headers.push({ name: ":method", match: match.method, invert: false });
  if (match.authority) headers.push({ name: ":authority", match: match.authority, invert: false });
  for (const header of match.headers) headers.push({ ...header, invert: false });
  for (const header of match.withoutHeaders) headers.push({ ...header, invert: true });
  const query = match.query.length > 0 ? { query: match.query } : {};
  return { kind: "request", path: pathMatch(match.uri, match.ignoreUriCase), headers, ...query };
}

function pathMatch(uri: StringMatch | undefined, ignoreCase: boolean): PathMatch {
  if (!uri || uri.kind === "present") return everyPath;
  return { kind: uri.kind, value: uri.value, ignoreCase: ignoreCase && uri.kind !== "regex" };
}

/** @param setHost the Host that is set among the route's headers. */
function actionOf(route: HttpRoute, setHost: string | undefined, context: RouteContext): RouteAction {
  const { answer, mirrors, timeoutMs = 0 } = route;
  if (answer?.kind === "respond") return answer;
  if (answer) return redirectOf(answer, context.port);
  const destinations = sharing(route.destinations);
  const clusters = weightedClusters(destinations, context);
  // Nowhere to go is as good as a service that is not there.
  if (clusters.length === 0) return { kind: "respond", status: 503 };
  const host = route.rewrite?.host ?? setHost;
  const rewrite = { ...route.rewrite, ...(host === undefined ? {} : { host }) };
  return {
    ...forward(clusters, timeoutMs, route.retries ? retriesOf(route.retries) : defaultRetries),
    ...(Object.keys(rewrite).length > 0 ? { rewrite } : {}),
    ...(mirrors.length > 0
      ? { mirrors: mirrors.map(({ destination, percent }) => ({ cluster: clusterOf(destination, context), percent })) }
      : {}),
    ...hashPart(destinations.flatMap((destination) => context.hashOf(addressOf(destination, context)) ?? [])),
  };
}

/** Each once: Envoy hashes all of them into one. */
function hashPart(keys: readonly HashKey[]): { readonly hash?: readonly HashKey[] } {
  return keys.length === 0 ? {} : { hash: keys.filter((key, at) => keys.findIndex((one) => same(one, key)) === at) };
}

/** Envoy does not know the port that was asked; here it is known, because each port has routes of its own. */
function redirectOf(redirect: Redirect, asked: number | undefined): RouteAction {
  const { port, ...rest } = redirect;
  if (port !== "request") return port === undefined ? rest : { ...rest, port };
  const schemePort = redirect.scheme === "https" ? 443 : 80;
  return asked === undefined || asked === schemePort ? rest : { ...rest, port: asked };
}

function forward(
  clusters: readonly WeightedCluster[],
  timeoutMs: number,
  retries: Retries | undefined,
): RouteAction & { readonly kind: "forward" } {
  return { kind: "forward", clusters, timeoutMs, ...(retries ? { retries } : {}) };
}

/** A Host that is set among the headers rewrites the Host: Envoy changes it in no other way. */
function hostApart(changes: HeaderChanges | undefined): { readonly host?: string; readonly headers?: HeaderChanges } {
  const { host, ":authority": authority = host, ...set } = changes?.request?.set ?? {};
  if (!changes?.request || authority === undefined) return changes ? { headers: changes } : {};
  return { host: authority, headers: { ...changes, request: { ...changes.request, set } } };
}

/** Who gets something. A single one takes everything, whatever its weight; of several that all say 0, each takes the same. */
export function sharing(destinations: readonly Destination[]): readonly Destination[] {
  const [only] = destinations;
  if (only && destinations.length === 1) return [{ ...only, weight: 100 }];
  const weighed = destinations.filter(({ weight }) => weight > 0);
  return weighed.length > 0 ? weighed : destinations.map((one) => ({ ...one, weight: 1 }));
}

/** @param destinations that share; see `sharing`. */
export function weightedClusters(
  destinations: readonly Destination[],
  context: RouteContext,
): readonly WeightedCluster[] {
  return sumUp(
    destinations.map((destination) => ({
      name: clusterOf(destination, context),
      weight: destination.weight,
      ...hostApart(destination.headers),
    })),
  );
}

/** Envoy takes a cluster named twice; one line says the same and is easier to read, where nothing else differs. */
function sumUp(weighed: readonly WeightedCluster[]): readonly WeightedCluster[] {
  const sums = new Map<string, WeightedCluster>();
  for (const one of weighed) {
    const key = JSON.stringify({ ...one, weight: 0 });
    sums.set(key, { ...one, weight: (sums.get(key)?.weight ?? 0) + one.weight });
  }
  return [...sums.values()];
}

function clusterOf(destination: Destination, context: RouteContext): string {
  const { host, subset = "", port } = addressOf(destination, context);
  return outboundCluster(port, subset, host);
}

/** Without a port: the destination's only one, else the request's. */
export function addressOf({ host, subset, port }: Destination, context: RouteContext): Parameters<HashOf>[0] {
  const ports = context.portsOf(host) ?? [];
  const only = ports.length === 1 ? ports[0]?.port : undefined;
  return { host, port: port ?? only ?? context.port ?? 80, ...(subset === undefined ? {} : { subset }) };
}

/**
 * Istio's default, and reset-before-request: a request of which the other side has not seen a byte may be sent again,
 * whatever it asks. It covers a pooled connection that the other side is closing.
 */
const safeReasons = ["connect-failure", "refused-stream", "unavailable", "cancelled", "reset-before-request"] as const;

const defaultRetries: Retries = {
  attempts: 2,
  on: [...safeReasons, "retriable-status-codes"],
  statusCodes: [503],
  elsewhere: true,
};

function retriesOf(policy: RetryPolicy): Retries | undefined {
  const { attempts, retryOn, perTryTimeoutMs, backoffMs } = policy;
  if (attempts <= 0) return undefined;
  const words = retryOn.filter((word) => !/^\d+$/.test(word));
  const statusCodes = retryOn.filter((word) => /^\d+$/.test(word)).map(Number);
  const codesWord = statusCodes.length > 0 && !words.includes("retriable-status-codes");
  const reasons =
    retryOn.length === 0 ? defaultRetries.on : [...words, ...(codesWord ? ["retriable-status-codes"] : [])];
  return {
    attempts,
    on: reasons,
    statusCodes: retryOn.length === 0 ? defaultRetries.statusCodes : statusCodes,
    ...(perTryTimeoutMs === undefined || perTryTimeoutMs === 0 ? {} : { perTryTimeoutMs }),
    elsewhere: !policy.samePlace,
    ...(policy.remoteLocalities ? { remoteLocalities: true } : {}),
    ...(backoffMs === undefined ? {} : { backoffMs }),
  };
}
