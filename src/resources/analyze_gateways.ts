/**
 * What Gateways ask of one port together and cannot be served: plaintext HTTP, TCP and TLS beside each other, two TCP
 * servers, one host with two certificates. Within one Gateway it is refused; between two the older one is served.
 */
import { type Gateway, type GatewayServer, gatewayKey } from "../model/gateway.ts";
import type { FieldPath } from "./document/node.ts";

export interface Conflict {
  readonly path: FieldPath;
  readonly message: string;
}

export function gatewayConflicts(gateway: Gateway, others: readonly Gateway[]): readonly Conflict[] {
  const key = gatewayKey(gateway);
  const beside = others.filter((other) => gatewayKey(other) !== key && meet(gateway.selector, other.selector));
  return gateway.servers.flatMap((server, index) =>
    beside.flatMap((other) =>
      other.servers
        .filter(({ port }) => port.number === server.port.number)
        .flatMap((theirs) => conflictOf(server, theirs, gatewayKey(other)) ?? [])
        .map(({ path, message }) => ({ path: ["spec", "servers", index, ...path], message })),
    ),
  );
}

function conflictOf(mine: GatewayServer, theirs: GatewayServer, other: string): Conflict | undefined {
  const { number } = mine.port;
  const [own, their] = [carriedBy(mine), carriedBy(theirs)];
  if (own !== their)
    return { path: ["port"], message: `port ${number} carries ${own} here and ${their} in gateway ${other}` };
  if (own === "TCP") return { path: ["port"], message: `port ${number} carries TCP in gateway ${other} too` };
  // What passes is told apart by the hosts of routes.
  if (own === "HTTP" || [mine, theirs].every(({ serves }) => serves.kind === "passthrough")) return undefined;
  const known = new Set(namesIn(theirs));
  const names = namesIn(mine);
  const at = names.findIndex((name) => known.has(name));
  return at < 0
    ? undefined
    : { path: ["hosts", at], message: `${names[at]} has TLS on port ${number} in gateway ${other} too` };
}

/** Sidecars name the cluster, so any is meant. */
function namesIn({ hosts, serves }: GatewayServer): readonly string[] {
  const isMesh = (serves.kind === "https" || serves.kind === "tls") && serves.tls.kind === "mesh";
  return isMesh ? ["*"] : hosts.map(({ host }) => host);
}

function carriedBy({ serves }: GatewayServer): "HTTP" | "TCP" | "TLS" {
  if (serves.kind === "http") return "HTTP";
  return serves.kind === "tcp" ? "TCP" : "TLS";
}

/** Whether one selects all that the other selects. */
function meet(left: Gateway["selector"], right: Gateway["selector"]): boolean {
  return includes(left.labels, right.labels) || includes(right.labels, left.labels);
}

function includes(wider: Readonly<Record<string, string>>, narrower: Readonly<Record<string, string>>): boolean {
  return Object.entries(wider).every(([name, value]) => Object.hasOwn(narrower, name) && narrower[name] === value);
}
