/** A VirtualService's TCP routes → where connections go, in one context: a gateway or the mesh, and a port. Pure. */
import type { TcpRoute } from "../model/route.ts";
import type { TcpCluster } from "./ir.ts";
import { applies, type RouteContext, weightedClusters } from "./routes.ts";

/** By the first route that matches; undefined: none does. */
export function tcpClusters(tcp: readonly TcpRoute[], context: RouteContext): readonly TcpCluster[] | undefined {
  const route = tcp.find(({ matches }) => matches.length === 0 || matches.some((match) => applies(match, context)));
  return route && weightedClusters(route.destinations, context);
}
