/** A VirtualService's HTTP routes → routes of a virtual host, in one context: a gateway or the mesh, and a port. Pure. */
import type { ServicePort } from "../model/endpoint.ts";
import type { Host } from "../model/names.ts";
import type { Destination, HttpMatch, HttpRoute, RetryPolicy, StringMatch } from "../model/route.ts";
import type { PathMatch, Retries, Route, RouteAction, RouteHeaderMatch } from "./ir.ts";
import { outboundCluster } from "./naming.ts";

/** The ports of a service; undefined: there is no such service. */
export type PortsOf = (host: Host) => readonly ServicePort[] | undefined;

export interface RouteContext {
  /** namespace/name of the gateway, or "mesh". */
  readonly gateway: string;
  /** The port of the request; undefined: any that no other virtual host has. */
  readonly port: number | undefined;
  readonly portsOf: PortsOf;
}

/** CONNECT is not what this way out is for: TCP goes through declared upstreams. */
export const refuseConnect: Route = { match: { kind: "connect" }, action: { kind: "respond", status: 405 } };

const everyPath: PathMatch = { kind: "prefix", value: "/", ignoreCase: false };

export function routesOf(http: readonly HttpRoute[], context: RouteContext): readonly Route[] {
  return http.flatMap((route) => {
    const action = actionOf(route, context);
    const named = route.name === undefined ? {} : { name: route.name };
    const matches = route.matches.length === 0 ? [undefined] : route.matches.filter((match) => applies(match, context));
    return matches.map((match) => ({ ...named, match: requestMatch(match), action }));
  });
}

/** Where requests for a service go that no VirtualService speaks of. */
export function defaultRoute(cluster: string): Route {
  return { match: requestMatch(undefined), action: forward([{ name: cluster, weight: 100 }], 0, defaultRetries) };
}

function applies(match: HttpMatch, { gateway, port }: RouteContext): boolean {
  return (
    (match.port === undefined || match.port === port) &&
    (match.gateways.length === 0 || match.gateways.includes(gateway))
  );
}

function requestMatch(match: HttpMatch | undefined): Route["match"] {
  if (!match) return { kind: "request", path: everyPath, headers: [] };
  const headers: RouteHeaderMatch[] = [];
  if (match.method) headers.push({ name: ":method", match: match.method, invert: false });
  if (match.authority) headers.push({ name: ":authority", match: match.authority, invert: false });
  for (const header of match.headers) headers.push({ ...header, invert: false });
  for (const header of match.withoutHeaders) headers.push({ ...header, invert: true });
  return { kind: "request", path: pathMatch(match.uri, match.ignoreUriCase), headers };
}

function pathMatch(uri: StringMatch | undefined, ignoreCase: boolean): PathMatch {
  if (!uri || uri.kind === "present") return everyPath;
  return { kind: uri.kind, value: uri.value, ignoreCase: ignoreCase && uri.kind !== "regex" };
}

function actionOf(route: HttpRoute, context: RouteContext): RouteAction {
  const clusters = clustersOf(route.destinations, context);
  // Nowhere to go is as good as a service that is not there.
  if (clusters.length === 0) return { kind: "respond", status: 503 };
  return forward(clusters, route.timeoutMs ?? 0, route.retries ? retriesOf(route.retries) : defaultRetries);
}

function forward(
  clusters: readonly { readonly name: string; readonly weight: number }[],
  timeoutMs: number,
  retries: Retries | undefined,
): RouteAction {
  return { kind: "forward", clusters, timeoutMs, ...(retries ? { retries } : {}) };
}

/** A single destination takes everything, whatever its weight; of several that all say 0, each takes the same. */
function clustersOf(destinations: readonly Destination[], context: RouteContext): { name: string; weight: number }[] {
  const named = destinations.map((destination) => ({
    name: clusterOf(destination, context),
    weight: destination.weight,
  }));
  const weighed = named.filter(({ weight }) => weight > 0);
  if (weighed.length > 0 && named.length > 1) return sumUp(weighed);
  return sumUp(named.map(({ name }) => ({ name, weight: named.length === 1 ? 100 : 1 })));
}

/** Envoy takes a cluster named twice; one line says the same and is easier to read. */
function sumUp(weighed: readonly { name: string; weight: number }[]): { name: string; weight: number }[] {
  const sums = new Map<string, number>();
  for (const { name, weight } of weighed) sums.set(name, (sums.get(name) ?? 0) + weight);
  return [...sums].map(([name, weight]) => ({ name, weight }));
}

/** Without a port: the destination's only one, else the request's. */
function clusterOf({ host, subset, port }: Destination, context: RouteContext): string {
  const ports = context.portsOf(host) ?? [];
  const only = ports.length === 1 ? ports[0]?.port : undefined;
  return outboundCluster(port ?? only ?? context.port ?? 80, subset ?? "", host);
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

function retriesOf({ attempts, retryOn, perTryTimeoutMs }: RetryPolicy): Retries | undefined {
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
    elsewhere: true,
  };
}
