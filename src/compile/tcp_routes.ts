/** A VirtualService's TCP routes → where connections go, in one context: a gateway or the mesh, and a port. Pure. */
import type { Destination, TcpRoute } from "../model/route.ts";
import type { HashKey } from "../model/traffic.ts";
import type { TcpHandler } from "./ir.ts";
import { addressOf, applies, type RouteContext, sharing, weightedClusters } from "./routes.ts";

export type TcpWay = Pick<TcpHandler, "clusters" | "hashSource">;

/** By the first route that matches; undefined: none does. */
export function tcpWay(tcp: readonly TcpRoute[], context: RouteContext): TcpWay | undefined {
  const route = tcp.find(({ matches }) => matches.length === 0 || matches.some((match) => applies(match, context)));
  return route && wayTo(route.destinations, context);
}

export function wayTo(destinations: readonly Destination[], context: RouteContext): TcpWay {
  const sharers = sharing(destinations);
  const keys = sharers.map((one) => context.hashOf(addressOf(one, context)));
  return { clusters: weightedClusters(sharers, context), ...sourceHash(keys) };
}

/** Of a connection nothing but its source can be hashed. @param keys of the destinations that it may go to. */
export function sourceHash(keys: readonly (HashKey | undefined)[]): Pick<TcpWay, "hashSource"> {
  return keys.some((key) => key?.kind === "source-ip") ? { hashSource: true } : {};
}
