/**
 * Why a workload's proxy does what it does with a request: the interpreter's decision over the table that the request meets,
 * and what made each part of it. Asked of a compiler that knows the workload. Who may ask is not told.
 */
import type { Health } from "../model/endpoint.ts";
import type { HttpRequest } from "../model/http_request.ts";
import type { Workload } from "../model/workload.ts";
import type { Compiler } from "./compiler.ts";
import { covers } from "./hosts.ts";
import { type Decision, decide } from "./interpret.ts";
import type { ClusterItem, Item, RouteTableItem } from "./ir.ts";
import { gatewayName, outboundName } from "./naming.ts";
import { itemsFor } from "./once.ts";
import type { RouteProvenance } from "./provenance.ts";
import type { ClusterProvenance } from "./provenance_lookup.ts";

export interface Explanation {
  /** undefined: the proxy listens for no such request. */
  readonly decision: Decision | undefined;
  /** Of the route that it meets. */
  readonly madeBy?: RouteProvenance;
  /** By name, of each that the decision leads to. */
  readonly clusters: ReadonlyMap<string, ExplainedCluster>;
}

export interface ExplainedCluster {
  /** Whether the proxy has it; without it requests are answered with 503. */
  readonly exists: boolean;
  /** How many of each health; absent: it finds them itself, by DNS. */
  readonly endpoints?: Readonly<Record<Health, number>>;
  /** Absent: it is nobody's in particular. */
  readonly madeBy?: ClusterProvenance;
}

export function explain(compiler: Compiler, workload: Workload, request: HttpRequest): Explanation {
  const items = itemsFor(compiler, workload);
  const table = tableFor(items, workload, request);
  if (!table) return { decision: undefined, clusters: new Map() };
  const decision = decide(table, request);
  if (decision.kind !== "route") return { decision, clusters: new Map() };
  const { virtualHost, place, outcome } = decision;
  const madeBy = compiler.routesMadeBy(workload, { table: table.name, virtualHost })[place];
  const named = outcome.kind === "forward" ? [...outcome.destinations, ...outcome.mirrors] : [];
  const clusters = new Map(
    named.map(({ cluster }) => [cluster, explainedCluster({ compiler, workload, items }, cluster)]),
  );
  return { decision, ...(madeBy ? { madeBy } : {}), clusters };
}

/** A sidecar has one way out; a gateway a table for each port, and for each server of TLS. */
function tableFor(
  items: readonly Item[],
  workload: Workload,
  { scheme, authority }: HttpRequest,
): RouteTableItem | undefined {
  const tableNamed = (name: string | undefined): RouteTableItem | undefined =>
    items.find((item): item is RouteTableItem => item.type === "route" && item.name === name);
  if (workload.role === "sidecar") return tableNamed(outboundName);
  const [, port = scheme === "https" ? "443" : "80"] = /:(\d+)$/.exec(authority) ?? [];
  const listener = gatewayName(Number(port));
  const found = items.find((item) => item.type === "listener" && item.name === listener);
  if (found?.type !== "listener") return undefined;
  const host = authority.replace(/:\d+$/, "").toLowerCase();
  const meant = found.chains.filter(({ match: { transport, serverNames = ["*"] } }) => {
    const isTls = transport === "tls" || found.detect.tls;
    return isTls === (scheme === "https") && serverNames.some((name) => covers(name, host));
  });
  const narrowness = (chain: (typeof meant)[number]): number =>
    Math.max(0, ...(chain.match.serverNames ?? []).filter((name) => covers(name, host)).map(({ length }) => length));
  const [chain] = meant.sort((a, b) => narrowness(b) - narrowness(a));
  return chain?.handler.kind === "http" ? tableNamed(chain.handler.routes) : undefined;
}

interface Asked {
  readonly compiler: Compiler;
  readonly workload: Workload;
  readonly items: readonly Item[];
}

function explainedCluster({ compiler, workload, items }: Asked, name: string): ExplainedCluster {
  const cluster = items.find((item): item is ClusterItem => item.type === "cluster" && item.name === name);
  const madeBy = compiler.clusterMadeBy(workload, name);
  const endpoints = cluster && countedEndpoints(items, cluster);
  return { exists: cluster !== undefined, ...(endpoints ? { endpoints } : {}), ...(madeBy ? { madeBy } : {}) };
}

function countedEndpoints(items: readonly Item[], { name, upstream }: ClusterItem): Record<Health, number> | undefined {
  const item = items.find((one) => one.type === "endpoints" && one.name === name);
  const given = item?.type === "endpoints" ? item.localities : [];
  if (upstream.kind !== "endpoints" && upstream.kind !== "names") return undefined;
  const localities = upstream.kind === "names" ? upstream.localities : given;
  const counts: Record<Health, number> = { healthy: 0, unhealthy: 0, draining: 0 };
  for (const { endpoints } of localities) for (const { health } of endpoints) counts[health]++;
  return counts;
}
