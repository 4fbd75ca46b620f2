/**
 * Joins what the agents report of their Envoys into the topology. Holds a window of counters per edge and forgets a
 * proxy that has not been reported for a while, so memory follows the living fleet. Called by the node that receives
 * the reports; knows services only through `Directory`.
 */
import type { Clock } from "../platform/clock.ts";
import { CounterSeries } from "./series.ts";
import type { EdgeSecurity, Topology, TopologyEdge, TopologyNode } from "./topology.ts";

/** What an agent counts at one Envoy; the attestation protocol's ProxyReport satisfies it. */
export interface ProxyCounts {
  readonly workload: string;
  readonly envoyStarts: number;
  readonly warming: number;
  readonly edges: readonly {
    readonly cluster: string;
    readonly endpoint: string;
    readonly requests: number;
    readonly errors: number;
  }[];
  readonly handshakes: Readonly<Record<string, { readonly tls: number; readonly connections: number }>>;
  readonly inbound: { readonly requests: number; readonly errors5xx: number; readonly denied: number };
}

export interface Instance {
  readonly service: string;
  readonly namespace: string;
  readonly version: string;
}

/** Who stands behind a name or an address now. */
export interface Directory {
  workload(name: string): (Instance & { readonly role: "sidecar" | "gateway" }) | undefined;
  /** The instance of `cluster` (outbound|PORT|SUBSET|HOST) that answers at `endpoint` (ip:port). */
  endpoint(cluster: string, endpoint: string): Instance | undefined;
}

const windowMs = 10_000;
/** A proxy not reported for this long has gone; agents report every 2 s. */
const forgottenAfterMs = 30_000;

interface Edge {
  readonly to: Instance;
  readonly cluster: string;
  readonly requests: CounterSeries;
  readonly errors: CounterSeries;
  seenAtMs: number;
}

interface Handshakes {
  readonly tls: number;
  /** Connections without a handshake yet: in the clear, or in the middle of one. */
  readonly bare: number;
  /** Of these, those that must be in the clear: no handshake takes from one report to the next. */
  readonly clear: number;
  readonly security: EdgeSecurity;
}

const noHandshakes: Handshakes = { tls: 0, bare: 0, clear: 0, security: "unknown" };

interface Proxy {
  seenAtMs: number;
  warming: number;
  readonly edges: Map<string, Edge>;
  readonly handshakes: Map<string, Handshakes>;
  readonly inbound: CounterSeries;
  readonly denied: CounterSeries;
}

function newProxy(): Proxy {
  return {
    seenAtMs: 0,
    warming: 0,
    edges: new Map(),
    handshakes: new Map(),
    inbound: new CounterSeries(windowMs),
    denied: new CounterSeries(windowMs),
  };
}

/**
 * The newest connections decide; without a new one, what was known stays. Envoy counts a connection before its handshake,
 * so one without is taken for in the clear only when the next report counts too few handshakes for it to be among them.
 */
export function judgeHandshakes(known: Handshakes | undefined, tls: number, connections: number): Handshakes {
  const restarted = known !== undefined && (tls < known.tls || connections < known.tls);
  const before = restarted ? noHandshakes : (known ?? noHandshakes);
  const bare = Math.max(0, connections - tls);
  const unexplained = before.bare - before.clear - (tls - before.tls);
  const clear = Math.min(bare, before.clear + Math.max(0, unexplained));
  const [newTls, newClear] = [tls > before.tls, clear > before.clear];
  const security = newTls && newClear ? "mixed" : newTls ? "mtls" : newClear ? "plaintext" : before.security;
  return { tls, bare, clear, security };
}

export class Fleet {
  readonly #clock: Clock;
  readonly #directory: Directory;
  readonly #proxies = new Map<string, Proxy>();

  constructor(clock: Clock, directory: Directory) {
    this.#clock = clock;
    this.#directory = directory;
  }

  report(counts: ProxyCounts): void {
    const nowMs = this.#clock.nowMs();
    const proxy = this.#proxies.get(counts.workload) ?? newProxy();
    this.#proxies.set(counts.workload, proxy);
    proxy.seenAtMs = nowMs;
    proxy.warming = counts.warming;
    proxy.inbound.add(nowMs, counts.inbound.requests);
    proxy.denied.add(nowMs, counts.inbound.denied);
    for (const [cluster, { tls, connections }] of Object.entries(counts.handshakes))
      proxy.handshakes.set(cluster, judgeHandshakes(proxy.handshakes.get(cluster), tls, connections));
    for (const count of counts.edges) this.#count(proxy, count, nowMs);
  }

  /** Removes a proxy at once, when its workload is withdrawn. */
  forget(workload: string): void {
    this.#proxies.delete(workload);
  }

  topology(): Topology {
    const nowMs = this.#clock.nowMs();
    this.#expire(nowMs);
    const nodes: TopologyNode[] = [];
    const edges: TopologyEdge[] = [];
    for (const [name, proxy] of this.#proxies) {
      const instance = this.#directory.workload(name);
      if (!instance) continue;
      const { inbound, denied, warming } = proxy;
      nodes.push({
        workload: name,
        ...instance,
        warming,
        inboundPerSecond: inbound.perSecond,
        deniedPerSecond: denied.perSecond,
      });
      edges.push(...edgesOf(name, proxy));
    }
    nodes.sort((a, b) => a.workload.localeCompare(b.workload));
    return { atMs: nowMs, windowMs, nodes, edges };
  }

  #count(proxy: Proxy, count: ProxyCounts["edges"][number], nowMs: number): void {
    const key = `${count.cluster} ${count.endpoint}`;
    let edge = proxy.edges.get(key);
    if (!edge) {
      const to = this.#directory.endpoint(count.cluster, count.endpoint);
      if (!to) return;
      const series = { requests: new CounterSeries(windowMs), errors: new CounterSeries(windowMs) };
      edge = { to, cluster: count.cluster, ...series, seenAtMs: nowMs };
      proxy.edges.set(key, edge);
    }
    edge.seenAtMs = nowMs;
    edge.requests.add(nowMs, count.requests);
    edge.errors.add(nowMs, count.errors);
  }

  #expire(nowMs: number): void {
    for (const [name, proxy] of this.#proxies) {
      if (nowMs - proxy.seenAtMs > forgottenAfterMs) this.#proxies.delete(name);
      for (const [key, edge] of proxy.edges) if (nowMs - edge.seenAtMs > forgottenAfterMs) proxy.edges.delete(key);
    }
  }
}

interface EdgeSum {
  readonly to: Instance;
  requests: number;
  perSecond: number;
  windowRequests: number;
  windowErrors: number;
  readonly security: Set<EdgeSecurity>;
}

/** One edge per called service and version, over the clusters and instances behind it. */
function edgesOf(from: string, proxy: Proxy): TopologyEdge[] {
  const sums = new Map<string, EdgeSum>();
  for (const edge of proxy.edges.values()) {
    const key = `${edge.to.namespace}/${edge.to.service}/${edge.to.version}`;
    const sum = sums.get(key) ?? {
      to: edge.to,
      requests: 0,
      perSecond: 0,
      windowRequests: 0,
      windowErrors: 0,
      security: new Set(),
    };
    sums.set(key, sum);
    sum.requests += edge.requests.total;
    sum.perSecond += edge.requests.perSecond;
    sum.windowRequests += edge.requests.window.count;
    sum.windowErrors += edge.errors.window.count;
    if (edge.requests.total > 0) sum.security.add(proxy.handshakes.get(edge.cluster)?.security ?? "unknown");
  }
  return [...sums.values()].map((sum) => ({
    from,
    toService: sum.to.service,
    toNamespace: sum.to.namespace,
    toVersion: sum.to.version,
    requests: sum.requests,
    requestsPerSecond: sum.perSecond,
    successRate: sum.windowRequests > 0 ? Math.max(0, 1 - sum.windowErrors / sum.windowRequests) : 1,
    security: joined(sum.security),
  }));
}

function joined(all: ReadonlySet<EdgeSecurity>): EdgeSecurity {
  const known = [...all].filter((one) => one !== "unknown");
  const [first = "unknown"] = known;
  return known.every((one) => one === first) ? first : "mixed";
}
