/**
 * How a gateway's port takes connections that are not plaintext HTTP. Pure.
 *
 *   tcp           one chain, to where the first TCP route leads
 *   https         a chain for the server's hosts; TLS is ended; a route table of its own
 *   tls           a chain for the server's hosts; TLS is ended; to where the first TCP route leads
 *   passthrough   a chain for each TLS route's hosts; TLS is carried on
 *
 * A name that two chains want stays with the first: Envoy would refuse both.
 */
import type { ServerTls, Serves } from "../model/gateway.ts";
import { accessOf } from "./authorization.ts";
import { gatewayTable } from "./gateway_http.ts";
import { boundHosts, type GatewayPort, type PlacedServer } from "./gateway_port.ts";
import { meshAlpn } from "./inbound_chains.ts";
import type { ChainTls, FilterChain, RouteTableItem, TcpHandler } from "./ir.ts";
import { gatewayName, gatewayServerRoutes } from "./naming.ts";
import { applies } from "./routes.ts";
import { type TcpWay, tcpWay, wayTo } from "./tcp_routes.ts";

interface Chained {
  readonly chain: Omit<FilterChain, "match">;
  /** "*" among them: whatever the client names. */
  readonly names: readonly string[];
  readonly table?: RouteTableItem;
}

export function tcpChain(at: GatewayPort, placed: PlacedServer): readonly FilterChain[] {
  const handler = routedHandler(at, placed);
  return handler ? [{ name: "tcp", match: {}, handler }] : [];
}

export function tlsChains(
  at: GatewayPort,
  servers: readonly PlacedServer[],
): { readonly chains: readonly FilterChain[]; readonly tables: readonly RouteTableItem[] } {
  const taken = new Set<string>();
  const chains: FilterChain[] = [];
  const tables: RouteTableItem[] = [];
  for (const { chain, names, table } of servers.flatMap((placed) => chainsOf(at, placed))) {
    const free = (names.includes("*") ? ["*"] : names).filter((name) => !taken.has(name));
    if (free.length === 0) continue;
    for (const name of free) taken.add(name);
    const match: FilterChain["match"] = free.includes("*") ? { transport: "tls" } : { serverNames: free };
    const { name, ...rest } = chain;
    chains.push({ name, match, ...rest });
    if (table) tables.push(table);
  }
  return { chains, tables };
}

function chainsOf(at: GatewayPort, placed: PlacedServer): readonly Chained[] {
  const { server, gateway } = placed;
  const { serves } = server;
  const name = `${gateway}|${server.port.name}`;
  switch (serves.kind) {
    case "https": {
      const routes = gatewayServerRoutes(at.port, gateway, server.port.name);
      const statPrefix = gatewayName(at.port);
      const handler = { kind: "http", statPrefix, role: "gateway", routes, unknownHosts: false } as const;
      const chain = { name, tls: chainTls(serves.tls, ["h2", "http/1.1"]), handler };
      return [{ chain, names: namesOf(placed, serves), table: gatewayTable(at, routes, [placed]) }];
    }
    case "tls": {
      const handler = routedHandler(at, placed);
      const tls = chainTls(serves.tls, serves.tls.kind === "mesh" ? [meshAlpn] : []);
      return handler ? [{ chain: { name, tls, handler }, names: namesOf(placed, serves) }] : [];
    }
    case "passthrough":
      return passed(at, placed);
    case "http":
    case "tcp":
      return [];
  }
}

function chainTls(tls: ServerTls, alpn: readonly string[]): ChainTls {
  return tls.kind === "mesh" ? { alpn } : { alpn, own: tls.own };
}

/** Sidecars name the cluster that they mean, not a host. */
function namesOf({ server }: PlacedServer, { tls }: Extract<Serves, { readonly tls: ServerTls }>): readonly string[] {
  return tls.kind === "mesh" ? ["*"] : [...new Set(server.hosts.map(({ host }) => host))];
}

/** By the first TCP route that is for this port and gateway. */
function routedHandler(at: GatewayPort, placed: PlacedServer): TcpHandler | undefined {
  for (const virtualService of at.virtualServices) {
    if (boundHosts(virtualService, virtualService.hosts, placed).length === 0) continue;
    const way = tcpWay(virtualService.tcp, { ...at, gateway: placed.gateway });
    if (way) return tcpHandler(at, way);
  }
  return undefined;
}

function passed(at: GatewayPort, placed: PlacedServer): readonly Chained[] {
  const context = { ...at, gateway: placed.gateway };
  return at.virtualServices.flatMap((virtualService) =>
    virtualService.tls.flatMap(({ matches, destinations }, index) => {
      const asked = matches.filter((match) => applies(match, context)).flatMap(({ sniHosts }) => sniHosts);
      const names = boundHosts(virtualService, asked, placed);
      if (names.length === 0) return [];
      const name = `${placed.gateway}|${placed.server.port.name}|${virtualService.namespace}/${virtualService.name}|${index}`;
      return [{ chain: { name, handler: tcpHandler(at, wayTo(destinations, context)) }, names }];
    }),
  );
}

function tcpHandler({ port, policies }: GatewayPort, way: TcpWay): TcpHandler {
  const access = accessOf(policies, { number: port, layer: "tcp" });
  return { kind: "tcp", statPrefix: gatewayName(port), ...way, ...(access ? { access } : {}) };
}
