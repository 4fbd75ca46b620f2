/**
 * Why a workload's proxy does what it does with a request: the interpreter's decision over the table that the request meets,
 * and what made each part of it. Asked of a compiler that knows the workload. Who may ask is not told.
 */
import type { Health } from "../model/endpoint.ts";
import { covers } from "../model/host_pattern.ts";
import type { HttpRequest } from "../model/http_request.ts";
import type { Workload } from "../model/workload.ts";
import type { Compiler } from "./compiler.ts";
import { bySpecificity } from "./hosts.ts";
import { type Decision, decide } from "./interpret.ts";
import type { ClusterItem, Item, ListenerItem, RouteTableItem } from "./ir.ts";
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

/** A sidecar has one way out, in plaintext; a gateway a table for each port, and for each server of TLS. */
function tableFor(items: readonly Item[], workload: Workload, request: HttpRequest): RouteTableItem | undefined {
  if (workload.role === "sidecar" && request.scheme === "https") return undefined;
  const name = workload.role === "gateway" ? gatewayTableFor(items, request) : outboundName;
  return items.find((item): item is RouteTableItem => item.type === "route" && item.name === name);
}

/** Of TLS the most specific name decides, which the client says as it says the Host. */
function gatewayTableFor(items: readonly Item[], { scheme, authority }: HttpRequest): string | undefined {
  const [, port = scheme === "https" ? "443" : "80"] = /:(\d+)$/.exec(authority) ?? [];
  const name = gatewayName(Number(port));
  const listener = items.find((item): item is ListenerItem => item.type === "listener" && item.name === name);
  if (!listener || listener.detect.tls !== (scheme === "https")) return undefined;
  const host = authority.replace(/:\d+$/, "").toLowerCase();
  const meant = listener.chains.flatMap((chain) => {
    const names = (chain.match.serverNames ?? ["*"]).filter((pattern) => covers(pattern, host));
    const [narrowest] = names.sort(bySpecificity);
    return narrowest === undefined ? [] : [{ narrowest, chain }];
  });
  const [found] = meant.sort((left, right) => bySpecificity(left.narrowest, right.narrowest));
  return found?.chain.handler.kind === "http" ? found.chain.handler.routes : undefined;
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
