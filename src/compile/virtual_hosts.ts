/**
 * Virtual hosts of the outbound route tables. The Host's port selects the service's PORT, so there is one virtual host
 * for each; the one that a Host without a port means is 80, else the only HTTP port. Pure.
 */
import { isIPv6 } from "node:net";
import { type Host, meshDomain, serviceOfHost } from "../model/names.ts";
import type { VirtualService } from "../model/route.ts";
import { httpPorts } from "./clusters.ts";
import type { Declared } from "./destination.ts";
import { isWildcard } from "./hosts.ts";
import type { Route, RouteAction, VirtualHost } from "./ir.ts";
import { dnsCluster, otherHostsName, outboundCluster, virtualHostName } from "./naming.ts";
import { defaultRoute, everyRequest, type RouteContext, refuseConnect, routesOf, type Services } from "./routes.ts";
import type { Source } from "./source.ts";

export interface DestinationHostsInput extends Services {
  readonly host: Host;
  readonly declared: Declared;
  /** The VirtualService that holds for it, if any. */
  readonly virtualService: VirtualService | undefined;
  /** Whether callers are of a service's namespace, and may use its short name. */
  readonly short: boolean;
  readonly source: Source;
}

export function destinationVirtualHosts({
  host,
  declared,
  virtualService,
  short,
  ...asked
}: DestinationHostsInput): readonly VirtualHost[] {
  const ports = httpPorts(declared.ports);
  const names = [...namesOf(host, short), ...literals(declared.addresses)];
  // Where the Host says the way, one without a port says 80.
  const only = ports.length === 1 && declared.reach !== "host" ? ports[0]?.port : undefined;
  const withoutPort = ports.some(({ port }) => port === 80) ? 80 : only;
  return ports.map(({ port }) => ({
    name: virtualHostName(host, port),
    domains: domains(names, [port], port === withoutPort),
    routes: [refuseConnect, ...chosenRoutes(virtualService, host, { port, ...asked })],
  }));
}

/** A VirtualService without HTTP routes leaves HTTP as it is. */
function chosenRoutes(
  virtualService: VirtualService | undefined,
  host: Host,
  context: Omit<RouteContext, "gateway" | "port"> & { readonly port: number },
): readonly Route[] {
  if (!virtualService || virtualService.http.length === 0) {
    const { port, wordsOf, hashOf } = context;
    return [defaultRoute(outboundCluster(port, "", host), wordsOf(host), hashOf({ host, port }))];
  }
  return routesOf(virtualService.http, { ...context, gateway: "mesh" });
}

export interface VirtualHostsInput extends Services {
  readonly host: Host;
  readonly virtualService: VirtualService;
  readonly short: boolean;
  readonly source: Source;
}

/**
 * A VirtualService's host that is no service: a name that exists only by its routes. Each port that a match names has a
 * virtual host; every other port has one together.
 */
export function nameVirtualHosts({
  host,
  virtualService,
  short,
  source,
  ...services
}: VirtualHostsInput): readonly VirtualHost[] {
  const { http } = virtualService;
  if (http.length === 0) return [];
  const names = namesOf(host, short);
  const routes = (port: number | undefined): readonly Route[] => [
    refuseConnect,
    ...routesOf(http, { gateway: "mesh", port, source, ...services }),
  ];
  const matched = new Set([80, ...http.flatMap(({ matches }) => matches.flatMap(({ port }) => port ?? []))]);
  const hosts = [...matched]
    .sort((a, b) => a - b)
    .map((port) => ({
      name: virtualHostName(host, port),
      domains: domains(names, [port], port === 80),
      routes: routes(port),
    }));
  // Envoy takes one wildcard in a domain, so a wildcard host has no "every other port".
  if (isWildcard(host)) return hosts;
  return [
    ...hosts,
    { name: virtualHostName(host, "*"), domains: domains(names, ["*"], false), routes: routes(undefined) },
  ];
}

/** Hosts of nobody's: out by DNS, or refused. */
export function otherHosts(policy: "ALLOW_ANY" | "REGISTRY_ONLY"): VirtualHost {
  const action: RouteAction =
    policy === "ALLOW_ANY"
      ? { kind: "forward", clusters: [{ name: dnsCluster, weight: 100 }], timeoutMs: 0 }
      : { kind: "respond", status: 502 };
  return { name: otherHostsName, domains: ["*"], routes: [refuseConnect, { match: everyRequest, action }] };
}

/** How callers may write a host; the name of a service in the mesh's domain also in part, the shortest first. */
function namesOf(host: Host, short: boolean): readonly string[] {
  const service = serviceOfHost(host);
  if (!service) return [host];
  const { name } = service;
  const inNamespace = `${name}.${service.namespace}`;
  return [...(short ? [name] : []), inNamespace, `${inNamespace}.svc`, `${inNamespace}.${meshDomain}`];
}

/** Single addresses as a Host writes them. A network is for traffic that is captured. */
function literals(addresses: readonly string[]): readonly string[] {
  return addresses
    .filter((address) => !address.includes("/"))
    .map((address) => (isIPv6(address) ? `[${address}]` : address));
}

function domains(names: readonly string[], ports: readonly (number | "*")[], bare: boolean): readonly string[] {
  return names.flatMap((name) => [...(bare ? [name] : []), ...ports.map((port) => `${name}:${port}`)]);
}
