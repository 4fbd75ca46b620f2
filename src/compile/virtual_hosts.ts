/**
 * Virtual hosts of the outbound route tables. The Host's port selects the service's PORT, so there is one virtual host
 * for each; the one that a Host without a port means is 80, else the only HTTP port. Pure.
 */
import type { ServicePort } from "../model/endpoint.ts";
import { type Host, meshDomain, type ServiceRef, serviceHost, serviceOfHost } from "../model/names.ts";
import { isHttp } from "../model/protocol.ts";
import type { VirtualService } from "../model/route.ts";
import { isWildcard } from "./hosts.ts";
import type { Route, VirtualHost } from "./ir.ts";
import { dnsCluster, outboundCluster } from "./naming.ts";
import { defaultRoute, type PortsOf, type RouteContext, refuseConnect, routesOf } from "./routes.ts";
import type { Source } from "./source.ts";

/** Ports that requests can be routed on. An undeclared port is one of them: its callers speak HTTP to be here at all. */
export function httpPorts(ports: readonly ServicePort[]): readonly ServicePort[] {
  return ports.filter(({ protocol }) => isHttp(protocol) || protocol === "auto");
}

export interface ServiceHostsInput {
  readonly service: ServiceRef;
  readonly ports: readonly ServicePort[];
  /** The VirtualService that holds for it, if any. */
  readonly virtualService: VirtualService | undefined;
  /** Whether callers are of the service's namespace, and may use its short name. */
  readonly short: boolean;
  readonly source: Source;
  readonly portsOf: PortsOf;
}

export function serviceVirtualHosts(input: ServiceHostsInput): readonly VirtualHost[] {
  const { service, virtualService, source, portsOf } = input;
  const host = serviceHost(service);
  const ports = httpPorts(input.ports);
  const names = namesOf(service, input.short);
  const withoutPort = ports.some(({ port }) => port === 80) ? 80 : ports.length === 1 ? ports[0]?.port : undefined;
  return ports.map(({ port }) => ({
    name: `${host}:${port}`,
    domains: domains(names, [port], port === withoutPort),
    routes: [
      refuseConnect,
      ...chosenRoutes(virtualService, { port, source, portsOf }, outboundCluster(port, "", host)),
    ],
  }));
}

/** A VirtualService without HTTP routes leaves HTTP as it is. */
function chosenRoutes(
  virtualService: VirtualService | undefined,
  context: Omit<RouteContext, "gateway">,
  cluster: string,
): readonly Route[] {
  if (!virtualService || virtualService.http.length === 0) return [defaultRoute(cluster)];
  return routesOf(virtualService.http, { ...context, gateway: "mesh" });
}

export interface VirtualHostsInput {
  readonly host: Host;
  readonly virtualService: VirtualService;
  readonly short: boolean;
  readonly source: Source;
  readonly portsOf: PortsOf;
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
  portsOf,
}: VirtualHostsInput): readonly VirtualHost[] {
  const { http } = virtualService;
  if (http.length === 0) return [];
  const service = serviceOfHost(host);
  const names = service ? namesOf(service, short) : [host];
  const routes = (port: number | undefined): readonly Route[] => [
    refuseConnect,
    ...routesOf(http, { gateway: "mesh", port, source, portsOf }),
  ];
  const matched = new Set([80, ...http.flatMap(({ matches }) => matches.flatMap(({ port }) => port ?? []))]);
  const hosts = [...matched]
    .sort((a, b) => a - b)
    .map((port) => ({ name: `${host}:${port}`, domains: domains(names, [port], port === 80), routes: routes(port) }));
  // Envoy takes one wildcard in a domain, so a wildcard host has no "every other port".
  if (isWildcard(host)) return hosts;
  return [...hosts, { name: `${host}:*`, domains: domains(names, ["*"], false), routes: routes(undefined) }];
}

/** Hosts of nobody's: out by DNS, or refused. */
export function otherHosts(policy: "ALLOW_ANY" | "REGISTRY_ONLY"): VirtualHost {
  const way: Route =
    policy === "ALLOW_ANY"
      ? {
          match: { kind: "request", path: { kind: "prefix", value: "/", ignoreCase: false }, headers: [] },
          action: { kind: "forward", clusters: [{ name: dnsCluster, weight: 100 }], timeoutMs: 0 },
        }
      : {
          match: { kind: "request", path: { kind: "prefix", value: "/", ignoreCase: false }, headers: [] },
          action: { kind: "respond", status: 502 },
        };
  return { name: "other", domains: ["*"], routes: [refuseConnect, way] };
}

/** How callers may write a service's name, the shortest first. */
function namesOf({ name, namespace }: ServiceRef, short: boolean): readonly string[] {
  const inNamespace = `${name}.${namespace}`;
  return [...(short ? [name] : []), inNamespace, `${inNamespace}.svc`, `${inNamespace}.${meshDomain}`];
}

function domains(names: readonly string[], ports: readonly (number | "*")[], bare: boolean): readonly string[] {
  return names.flatMap((name) => [...(bare ? [name] : []), ...ports.map((port) => `${name}:${port}`)]);
}
