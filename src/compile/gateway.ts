/** A gateway workload's listeners and route tables: what the Gateway objects that select it ask for. Pure. */
import { type Gateway, type GatewayServer, gatewayKey } from "../model/gateway.ts";
import type { AuthorizationPolicy } from "../model/policy.ts";
import type { VirtualService } from "../model/route.ts";
import type { GatewayWorkload } from "../model/workload.ts";
import { hasLabels } from "./assignments.ts";
import { accessOf, policiesFor } from "./authorization.ts";
import { byAge, compare, isVisible, narrower } from "./hosts.ts";
import type { ListenerItem, Route, RouteTableItem, VirtualHost } from "./ir.ts";
import { gatewayName } from "./naming.ts";
import { refuseConnect, routesOf, type Services } from "./routes.ts";

export interface GatewayInput {
  readonly workload: GatewayWorkload;
  readonly gateways: readonly Gateway[];
  readonly virtualServices: readonly VirtualService[];
  readonly authorizationPolicies: readonly AuthorizationPolicy[];
  readonly services: Services;
}

/** The Gateways that mean this workload, the older first. */
export function gatewaysOf(workload: GatewayWorkload, gateways: readonly Gateway[]): readonly Gateway[] {
  return gateways.filter(({ selector }) => hasLabels(workload.labels, selector.labels)).sort(byAge);
}

/** PORTs that Gateways ask of this workload, whether or not it has a place to listen for them. */
export function wantedPorts(workload: GatewayWorkload, gateways: readonly Gateway[]): readonly number[] {
  const asked = gatewaysOf(workload, gateways).flatMap(({ servers }) => servers.map(({ port }) => port.number));
  return [...new Set(asked)].sort((a, b) => a - b);
}

export function gatewayItems(input: GatewayInput): readonly (ListenerItem | RouteTableItem)[] {
  const gateways = gatewaysOf(input.workload, input.gateways);
  return wantedPorts(input.workload, gateways).flatMap((port) => {
    const address = input.workload.listeners[String(port)];
    if (!address) return [];
    const name = gatewayName(port);
    const handler = { kind: "http", statPrefix: name, role: "gateway", routes: name, unknownHosts: false } as const;
    const listener: ListenerItem = {
      type: "listener",
      name,
      direction: "inbound",
      address,
      detect: { tls: false, http: false },
      chains: [{ name: "http", match: {}, handler }],
    };
    return [listener, routeTable(input, gateways, port)];
  });
}

function routeTable(input: GatewayInput, gateways: readonly Gateway[], port: number): RouteTableItem {
  const subject = { namespace: input.workload.namespace, labels: input.workload.labels };
  const policies = policiesFor(input.authorizationPolicies, subject);
  const access = accessOf(policies, { number: port, layer: "http" });
  return {
    type: "route",
    name: gatewayName(port),
    anyPort: true,
    ...(access ? { access } : {}),
    virtualHosts: virtualHosts(input, gateways, port),
  };
}

/** Several VirtualServices may speak for one host at a gateway: their routes follow each other, the older's first. */
function virtualHosts(input: GatewayInput, gateways: readonly Gateway[], port: number): readonly VirtualHost[] {
  const routes = new Map<string, Route[]>();
  const seen = input.virtualServices.filter(({ exportTo }) => isVisible(exportTo, input.workload.namespace));
  for (const virtualService of seen.sort(byAge)) {
    const bound = new Map<string, Gateway>();
    for (const gateway of gateways) {
      for (const server of gateway.servers.filter((each) => each.port.number === port)) {
        for (const host of boundHosts(virtualService, gateway, server)) if (!bound.has(host)) bound.set(host, gateway);
      }
    }
    for (const [host, gateway] of bound) {
      const context = { gateway: gatewayKey(gateway), port, source: input.workload, ...input.services };
      const known = routes.get(host) ?? [refuseConnect];
      routes.set(host, [...known, ...routesOf(virtualService.http, context)]);
    }
  }
  return [...routes]
    .sort(([a], [b]) => compare(a, b))
    .map(([host, found]) => ({ name: `${host}:${port}`, domains: [host], routes: found }));
}

/** Hosts that the VirtualService serves through this server: what both of them name. */
function boundHosts(virtualService: VirtualService, gateway: Gateway, server: GatewayServer): readonly string[] {
  if (!virtualService.gateways.includes(gatewayKey(gateway))) return [];
  const mine = server.hosts.filter(({ namespace }) => namespace === "*" || namespace === virtualService.namespace);
  const hosts = mine.flatMap(({ host }) => virtualService.hosts.flatMap((wanted) => narrower(host, wanted) ?? []));
  return [...new Set(hosts)];
}
