/**
 * Which of the servers that Gateways ask for on one port are served. HTTP in plaintext, TCP in plaintext and TLS cannot be
 * told apart on one port, so the first server decides which it is; the others are left out (analysis has warned). Pure.
 */
import { type Gateway, type GatewayServer, gatewayKey } from "../model/gateway.ts";
import type { AuthorizationPolicy } from "../model/policy.ts";
import type { VirtualService } from "../model/route.ts";
import { narrower } from "./hosts.ts";
import type { RouteContext } from "./routes.ts";

/** One port of one workload, and what is known there. */
export interface GatewayPort extends Omit<RouteContext, "gateway"> {
  readonly port: number;
  /** That the workload sees, the older first. */
  readonly virtualServices: readonly VirtualService[];
  /** That select the workload. */
  readonly policies: readonly AuthorizationPolicy[];
}

export interface PlacedServer {
  /** namespace/name */
  readonly gateway: string;
  readonly server: GatewayServer;
}

export type PortServers =
  | { readonly kind: "http"; readonly servers: readonly PlacedServer[] }
  | { readonly kind: "tcp"; readonly server: PlacedServer }
  | { readonly kind: "tls"; readonly servers: readonly PlacedServer[] };

/** @param gateways the older first */
export function serversOn(gateways: readonly Gateway[], port: number): PortServers | undefined {
  const servers = gateways.flatMap((gateway) =>
    gateway.servers
      .filter((server) => server.port.number === port)
      .map((server): PlacedServer => ({ gateway: gatewayKey(gateway), server })),
  );
  const [first] = servers;
  if (!first) return undefined;
  const kind = kindOf(first);
  if (kind === "tcp") return { kind, server: first };
  return { kind, servers: servers.filter((server) => kindOf(server) === kind) };
}

function kindOf({ server }: PlacedServer): PortServers["kind"] {
  const { kind } = server.serves;
  return kind === "http" || kind === "tcp" ? kind : "tls";
}

/** Of the hosts that a VirtualService wants, those that it serves through this server: what both of them name. */
export function boundHosts(
  { namespace, gateways }: VirtualService,
  wanted: readonly string[],
  { gateway, server }: PlacedServer,
): readonly string[] {
  if (!gateways.includes(gateway)) return [];
  const mine = server.hosts.filter((pattern) => pattern.namespace === "*" || pattern.namespace === namespace);
  const hosts = mine.flatMap(({ host }) => wanted.flatMap((one) => narrower(host, one) ?? []));
  return [...new Set(hosts)];
}
