/** The route table of a gateway's servers: those of one plaintext port together, each HTTPS server its own. Pure. */
import type { VirtualService } from "../model/route.ts";
import { accessOf } from "./authorization.ts";
import { boundHosts, type GatewayPort, type PlacedServer } from "./gateway_port.ts";
import { compare } from "./hosts.ts";
import type { Route, RouteTableItem, VirtualHost } from "./ir.ts";
import { virtualHostName } from "./naming.ts";
import { everyRequest, refuseConnect, routesOf } from "./routes.ts";

export function gatewayTable(at: GatewayPort, name: string, servers: readonly PlacedServer[]): RouteTableItem {
  const access = accessOf(at.policies, { number: at.port, layer: "http" });
  return {
    type: "route",
    name,
    anyPort: true,
    ...(access ? { access } : {}),
    virtualHosts: virtualHosts(at, servers),
  };
}

function virtualHosts(at: GatewayPort, servers: readonly PlacedServer[]): readonly VirtualHost[] {
  return [...spokenFor(at, servers)].map(([host, speakers]) => {
    const routes = speakers.redirect
      ? [toHttps]
      : speakers.bound.flatMap(({ virtualService, gateway }) => routesOf(virtualService.http, { ...at, gateway }));
    return { name: virtualHostName(host, at.port), domains: [host], routes: [refuseConnect, ...routes] };
  });
}

/** Whose routes requests for a host meet. */
export interface Speakers {
  /** Everything is sent to HTTPS by it, and nobody else is heard. */
  readonly redirect?: PlacedServer;
  /** Several may speak for one host: their routes follow each other, the older's first. */
  readonly bound: readonly Bound[];
}

interface Bound {
  readonly virtualService: VirtualService;
  /** By which it is bound: namespace/name */
  readonly gateway: string;
}

/** By host, sorted. */
export function spokenFor(at: GatewayPort, servers: readonly PlacedServer[]): ReadonlyMap<string, Speakers> {
  const hosts = new Map<string, Speakers>();
  for (const virtualService of at.virtualServices.filter(({ http }) => http.length > 0)) {
    const bound = new Map<string, string>();
    for (const placed of servers) {
      for (const host of boundHosts(virtualService, virtualService.hosts, placed)) {
        if (!bound.has(host)) bound.set(host, placed.gateway);
      }
    }
    for (const [host, gateway] of bound) {
      hosts.set(host, { bound: [...(hosts.get(host)?.bound ?? []), { virtualService, gateway }] });
    }
  }
  for (const [host, redirect] of redirectedHosts(at, servers)) hosts.set(host, { redirect, bound: [] });
  return new Map([...hosts].sort(([a], [b]) => compare(a, b)));
}

/** The servers' own, whether or not anything is bound to them, and narrower ones that are; each with the first that says so. */
function redirectedHosts(
  { virtualServices }: GatewayPort,
  servers: readonly PlacedServer[],
): ReadonlyMap<string, PlacedServer> {
  const hosts = new Map<string, PlacedServer>();
  for (const placed of servers) {
    const { hosts: own, serves } = placed.server;
    if (serves.kind !== "http" || !serves.redirect) continue;
    const bound = virtualServices.flatMap((one) => boundHosts(one, one.hosts, placed));
    for (const host of [...own.map(({ host }) => host), ...bound]) if (!hosts.has(host)) hosts.set(host, placed);
  }
  return hosts;
}

const toHttps: Route = {
  match: everyRequest,
  action: { kind: "redirect", scheme: "https", status: 301 },
};
