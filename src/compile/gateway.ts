/** A gateway workload's listeners and route tables: what the Gateway objects that select it ask for. Pure. */
import type { Gateway } from "../model/gateway.ts";
import type { AuthorizationPolicy } from "../model/policy.ts";
import type { VirtualService } from "../model/route.ts";
import { isVisible } from "../model/visibility.ts";
import type { GatewayWorkload } from "../model/workload.ts";
import { hasLabels } from "./assignments.ts";
import { policiesFor } from "./authorization.ts";
import { gatewayTable } from "./gateway_http.ts";
import { type GatewayPort, type PlacedServer, type PortServers, serversOn } from "./gateway_port.ts";
import { tcpChain, tlsChains } from "./gateway_tcp.ts";
import { byAge } from "./hosts.ts";
import type { FilterChain, ListenerItem, RouteTableItem } from "./ir.ts";
import { gatewayName, gatewayServerRoutes } from "./naming.ts";
import type { Services } from "./routes.ts";

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
  return servedPorts(input).flatMap(({ at, servers }) => {
    const { port } = at;
    const address = input.workload.listeners[String(port)];
    if (!address) return [];
    const { chains, tables } = carried(at, servers);
    // Envoy takes no listener that carries nothing: TCP and TLS without a route are not listened for.
    if (chains.length === 0) return [];
    const listener: ListenerItem = {
      type: "listener",
      name: gatewayName(port),
      direction: "inbound",
      address,
      detect: { tls: servers.kind === "tls", http: false },
      chains,
    };
    return [listener, ...tables];
  });
}

/** The servers whose hosts one of the workload's route tables is for. */
export function serversOfTable(
  input: GatewayInput,
  table: string,
): { readonly at: GatewayPort; readonly servers: readonly PlacedServer[] } | undefined {
  for (const { at, servers } of servedPorts(input)) {
    if (servers.kind === "http" && gatewayName(at.port) === table) return { at, servers: servers.servers };
    const placed = servers.kind === "tls" ? servers.servers : [];
    const found = placed.find((one) => gatewayServerRoutes(at.port, one.gateway, one.server.port.name) === table);
    if (found) return { at, servers: [found] };
  }
  return undefined;
}

interface ServedPort {
  readonly at: GatewayPort;
  readonly servers: PortServers;
}

function servedPorts(input: GatewayInput): readonly ServedPort[] {
  const { workload, services } = input;
  const gateways = gatewaysOf(workload, input.gateways);
  const virtualServices = input.virtualServices
    .filter(({ exportTo }) => isVisible(exportTo, workload.namespace))
    .sort(byAge);
  const policies = policiesFor(input.authorizationPolicies, workload);
  return wantedPorts(workload, gateways).flatMap((port) => {
    const servers = serversOn(gateways, port);
    return servers ? { at: { port, virtualServices, policies, source: workload, ...services }, servers } : [];
  });
}

interface Carried {
  readonly chains: readonly FilterChain[];
  readonly tables: readonly RouteTableItem[];
}

function carried(at: GatewayPort, servers: PortServers): Carried {
  switch (servers.kind) {
    case "http": {
      const routes = gatewayName(at.port);
      const handler = { kind: "http", statPrefix: routes, role: "gateway", routes, unknownHosts: false } as const;
      const table = gatewayTable(at, routes, servers.servers);
      return { chains: [{ name: "http", match: {}, handler }], tables: [table] };
    }
    case "tcp":
      return { chains: tcpChain(at, servers.server), tables: [] };
    case "tls":
      return tlsChains(at, servers.servers);
  }
}
