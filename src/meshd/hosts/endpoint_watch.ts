/**
 * Watches what hosts' proxies find of other hosts' endpoints, from the counts in their agents' reports: an endpoint to
 * which connection after connection fails, and none is made, is told to its service's actor as unreachable from that
 * host, and as reached when one is made again. A proxy that reaches no other endpoint of the service says nothing: the
 * fault may be its own. Each node watches the agents that speak to it.
 */
import type { EdgeCount, Heartbeat, ProxyReport } from "../../certificates/attestation/protocol.ts";
import { type Host, type ServiceRef, serviceKey, serviceOfHost } from "../../model/names.ts";
import { limits } from "../../platform/limits.ts";

export interface Observed {
  readonly service: ServiceRef;
  readonly observer: string;
  readonly unreachable: readonly string[];
  readonly reached: readonly string[];
  readonly endpoints: number;
}

export interface EndpointWatchOptions {
  /** ip:port of each of a service's endpoints → its host; undefined: of no host of the mesh. */
  readonly endpoints: (service: ServiceRef) => ReadonlyMap<string, string | undefined>;
  /** Those that are taken for unreachable now. */
  readonly judged: (service: ServiceRef) => readonly string[];
  readonly tell: (observed: Observed) => Promise<void>;
}

interface Edge {
  readonly failures: number;
  readonly made: number;
  /** Failed since one was made last; and whether any did in the newest report. */
  readonly streak: number;
  readonly fails: boolean;
}

interface Proxy {
  readonly starts: number;
  readonly edges: ReadonlyMap<string, Edge>;
}

export class EndpointWatch {
  readonly #options: EndpointWatchOptions;
  readonly #proxies = new Map<string, Proxy>();
  /** Service and host of what is being told: what is said again meanwhile is the same. */
  readonly #telling = new Set<string>();

  constructor(options: EndpointWatchOptions) {
    this.#options = options;
  }

  heard(observer: string, { proxies }: Heartbeat): void {
    for (const report of proxies) {
      const before = this.#proxies.get(report.workload);
      const now = { starts: report.envoyStarts, edges: edgesOf(report, before) };
      this.#proxies.set(report.workload, now);
      for (const observed of this.#observed(observer, report, now)) this.#tell(observed);
    }
  }

  /** A workload that is no more. */
  forget(workload: string): void {
    this.#proxies.delete(workload);
  }

  #tell(observed: Observed): void {
    const key = `${serviceKey(observed.service)} ${observed.observer}`;
    if (this.#telling.has(key)) return;
    this.#telling.add(key);
    void this.#options.tell(observed).finally(() => this.#telling.delete(key));
  }

  *#observed(observer: string, report: ProxyReport, { edges }: Proxy): Iterable<Observed> {
    const services = Map.groupBy(report.edges, ({ cluster }) => cluster.split("|")[3] ?? "");
    for (const [host, counts] of services) {
      const service = serviceOfHost(host as Host);
      if (!service) continue;
      const observed = this.#ofService({ service, observer }, counts, edges);
      if (observed) yield observed;
    }
  }

  #ofService(
    by: { readonly service: ServiceRef; readonly observer: string },
    counts: readonly EdgeCount[],
    edges: ReadonlyMap<string, Edge>,
  ): Observed | undefined {
    const judged = new Set(this.#options.judged(by.service));
    const failing = counts.filter((one) => fails(edges.get(keyOf(one))) && !judged.has(one.endpoint));
    const reached = counts.filter((one) => one.activeConnections > 0 && !edges.get(keyOf(one))?.streak);
    const again = namesOf(reached).filter((endpoint) => judged.has(endpoint));
    if (failing.length === 0 && again.length === 0) return undefined;
    const known = this.#options.endpoints(by.service);
    const elsewhere = namesOf(failing).filter((one) => known.has(one) && known.get(one) !== by.observer);
    const unreachable = reached.length > 0 ? elsewhere : [];
    if (unreachable.length === 0 && again.length === 0) return undefined;
    return { ...by, unreachable, reached: again, endpoints: known.size };
  }
}

/** Only those with failures are kept: they are few. */
function edgesOf(report: ProxyReport, before: Proxy | undefined): ReadonlyMap<string, Edge> {
  const edges = new Map<string, Edge>();
  for (const count of report.edges) {
    const { connections = 0, connectFailures: failures = 0 } = count;
    if (failures === 0) continue;
    const made = connections - failures;
    // What happened before this node heard of that Envoy may be long ago.
    const isKnown = before?.starts === report.envoyStarts;
    const last = before?.edges.get(keyOf(count)) ?? { failures: 0, made, streak: 0 };
    const failed = isKnown ? failures - last.failures : 0;
    const streak = made > last.made ? 0 : last.streak + Math.max(0, failed);
    edges.set(keyOf(count), { failures, made, streak, fails: failed > 0 });
  }
  return edges;
}

function fails(edge: Edge | undefined): boolean {
  return edge?.fails === true && edge.streak >= limits.verdictFailures;
}

/** Of several clusters one endpoint may be told once. */
function namesOf(counts: readonly EdgeCount[]): readonly string[] {
  return [...new Set(counts.map(({ endpoint }) => endpoint))].slice(0, limits.verdictsPerService);
}

function keyOf({ cluster, endpoint }: EdgeCount): string {
  return `${cluster} ${endpoint}`;
}
