/** What an Envoy's admin pages say, as the report that goes to a node. Pure. */
import type { EdgeCount, ProxyReport } from "../certificates/attestation/protocol.ts";
import type { LocalAddress, Workload } from "../model/workload.ts";
import { limits } from "../platform/limits.ts";
import type { ClustersPage, Statistics } from "./envoy/admin.ts";
import { addressesOf } from "./workloads.ts";

/** Every statistic that the report is made of, in one question. */
export const reportedStatistics = [
  "^cluster\\.outbound\\|.*\\.(ssl\\.handshake|upstream_cx_total|upstream_cx_connect_fail)$",
  "^cluster_manager\\.warming_clusters$",
  "^listener_manager\\.total_listeners_warming$",
  "^listener\\..*\\.downstream_rq_(completed|5xx)$",
  "rbac\\.(.*[._])?denied$",
].join("|");

export interface ReportInput {
  readonly workload: Workload;
  readonly name: string;
  readonly pid: number;
  readonly starts: number;
  readonly svidSerial: string | undefined;
  readonly secrets: Readonly<Record<string, string>>;
  readonly clusters: ClustersPage;
  readonly statistics: Statistics;
}

export function reportFrom(input: ReportInput): ProxyReport {
  const { statistics, svidSerial, secrets } = input;
  const warming =
    (statistics.get("cluster_manager.warming_clusters") ?? 0) +
    (statistics.get("listener_manager.total_listeners_warming") ?? 0);
  return {
    workload: input.name,
    envoyPid: input.pid,
    envoyStarts: input.starts,
    warming,
    ...(svidSerial === undefined ? {} : { svidSerial }),
    secrets,
    edges: mostUsed(edgesIn(input.clusters)),
    handshakes: handshakesIn(statistics),
    inbound: inboundIn(statistics, inboundAddresses(input.workload)),
  };
}

/** Endpoints that never had a request or a connection are left out: they are most of a large mesh. */
export function edgesIn(page: ClustersPage): readonly EdgeCount[] {
  return (page.cluster_statuses ?? [])
    .filter(({ name }) => name.startsWith("outbound|"))
    .flatMap(({ name: cluster, host_statuses = [] }) =>
      host_statuses.flatMap(({ address, stats = [] }) => {
        const at = address.socket_address;
        const value = (name: string): number => stats.find((stat) => stat.name === name)?.value ?? 0;
        const counts = {
          requests: value("rq_total"),
          errors: value("rq_error"),
          activeConnections: value("cx_active"),
          connections: value("cx_total"),
          connectFailures: value("cx_connect_fail"),
        };
        const silent = counts.requests === 0 && counts.activeConnections === 0 && counts.connectFailures === 0;
        return at && !silent ? [{ cluster, endpoint: printed(at), ...counts }] : [];
      }),
    );
}

/** A report above the limit would be refused as a whole, and with it the host's sign of life. */
function mostUsed(edges: readonly EdgeCount[]): readonly EdgeCount[] {
  if (edges.length <= limits.edgesPerProxy) return edges;
  return [...edges].sort((a, b) => b.requests - a.requests).slice(0, limits.edgesPerProxy);
}

function printed({ address, port_value }: { readonly address: string; readonly port_value: number }): string {
  return address.includes(":") ? `[${address}]:${port_value}` : `${address}:${port_value}`;
}

function handshakesIn(statistics: Statistics): ProxyReport["handshakes"] {
  const opened = [...statistics].flatMap(([name, total]) => {
    const cluster = /^cluster\.(.*)\.upstream_cx_total$/.exec(name)?.[1];
    if (cluster === undefined || total === 0) return [];
    const of = (what: string): number => statistics.get(`cluster.${cluster}.${what}`) ?? 0;
    // What was refused before a handshake could begin says nothing about how connections are protected.
    return [[cluster, { tls: of("ssl.handshake"), connections: total - of("upstream_cx_connect_fail") }] as const];
  });
  return Object.fromEntries(opened);
}

function inboundAddresses(workload: Workload): readonly LocalAddress[] {
  return workload.role === "gateway" ? addressesOf(workload) : workload.inbound.map(({ listen }) => listen);
}

/** Envoy names a listener's statistics by its address, with every colon made an underscore. */
function inboundIn(statistics: Statistics, addresses: readonly LocalAddress[]): ProxyReport["inbound"] {
  const prefixes = addresses.map(({ address, port }) => `listener.${address}_${port}.`.replaceAll(":", "_"));
  const sum = (wanted: (name: string) => boolean): number =>
    [...statistics].reduce((total, [name, value]) => (wanted(name) ? total + value : total), 0);
  const ours = (name: string): boolean => prefixes.some((prefix) => name.startsWith(prefix));
  return {
    requests: sum((name) => ours(name) && name.endsWith(".downstream_rq_completed")),
    errors5xx: sum((name) => ours(name) && name.endsWith(".downstream_rq_5xx")),
    denied: sum((name) => /rbac\.(.*[._])?denied$/.test(name) && !name.endsWith("shadow_denied")),
  };
}
