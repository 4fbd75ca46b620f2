/** The clusters by which callers reach a destination: one for each port, and for each port and subset. Pure. */
import type { ServicePort } from "../model/endpoint.ts";
import type { TrustDomain } from "../model/identity.ts";
import type { Host } from "../model/names.ts";
import { isHttp, type Protocol } from "../model/protocol.ts";
import {
  type ClientTls as ClientTlsMode,
  type ConnectionPool,
  type HealthCheck,
  type Subset,
  secretsIn,
  type TrafficSettings,
} from "../model/traffic.ts";
import type { Accepted, Declared } from "./destination.ts";
import { type EffectiveRule, settingsOf } from "./destination_rules.ts";
import type { Balancer, ClientTls, ClusterItem, ClusterUpstream, LocalityEndpoints, UpstreamProtocol } from "./ir.ts";
import { dnsCluster, outboundCluster, outboundServerName } from "./naming.ts";

/** Whose clusters they are. Only gateways have Secrets; a rule with one means plaintext to sidecars, as in Istio. */
export type AskedBy = "sidecar" | "gateway";

export interface ClusterInput {
  readonly host: Host;
  readonly by: AskedBy;
  readonly declared: Declared;
  readonly accepted: Accepted;
  readonly rule: EffectiveRule;
  readonly trustDomain: TrustDomain;
  /** Asked for only where endpoints stand in their cluster. */
  localities(port: number, subset: Subset | undefined): readonly LocalityEndpoints[];
}

export function clustersOf(input: ClusterInput): readonly ClusterItem[] {
  return portsReached(input.declared).flatMap((port) =>
    [undefined, ...input.rule.subsets].map((subset) => clusterOf(input, port, subset)),
  );
}

function clusterOf(input: ClusterInput, { port, protocol }: ServicePort, subset: Subset | undefined): ClusterItem {
  const { host, declared, rule } = input;
  const settings: TrafficSettings = settingsOf(rule, port, subset);
  const { asCaller: _asCaller, upgrade: _upgrade, ...pool } = settings.connectionPool ?? {};
  const subsetName = subset?.name ?? "";
  const tls = tlsOf(input, settings.tls ?? "auto", outboundServerName(port, subsetName, host));
  const spoken = spokenTo(protocol, input.by, settings.connectionPool);
  return {
    type: "cluster",
    name: outboundCluster(port, subsetName, host),
    protocol: spoken,
    balancer: balancerOf(settings.balancer),
    // Endpoints that stand in their cluster have no shares: it is one for all callers.
    ...(declared.reach === "endpoints" && settings.locality?.kind === "distribute" ? { localityShares: true } : {}),
    pool,
    ...(settings.warmup ? { warmup: settings.warmup } : {}),
    ...(settings.retryBudget ? { retryBudget: settings.retryBudget } : {}),
    ...(settings.outlierDetection ? { outliers: settings.outlierDetection } : {}),
    ...checkPart(settings, host, spoken),
    upstream: upstreamOf(input, { tls, ...proxyPart(settings) }, () => input.localities(port, subset)),
  };
}

/** How a connection begins. */
type Spoken = Pick<Extract<ClusterUpstream, { readonly kind: "endpoints" }>, "tls" | "proxyProtocol">;

function proxyPart({ proxyProtocol }: TrafficSettings): Pick<Spoken, "proxyProtocol"> {
  return proxyProtocol === undefined ? {} : { proxyProtocol };
}

function upstreamOf(
  { declared: { reach } }: ClusterInput,
  spoken: Spoken,
  localities: () => readonly LocalityEndpoints[],
): ClusterUpstream {
  switch (reach) {
    case "endpoints":
      return { kind: "endpoints", ...spoken };
    case "names":
      return { kind: "names", answers: "all", localities: localities(), ...spoken };
    case "first-of-name":
      return { kind: "names", answers: "first", localities: localities(), ...spoken };
    case "host":
      return { kind: "dns", ...spoken };
  }
}

/** Where the Host says the way, only who speaks HTTP can say it. */
function portsReached({ ports, reach }: Declared): readonly ServicePort[] {
  return reach === "host" ? httpPorts(ports) : ports;
}

/** Ports that requests can be routed on. An undeclared port is one of them: its callers speak HTTP to be here at all. */
export function httpPorts(ports: readonly ServicePort[]): readonly ServicePort[] {
  return ports.filter(({ protocol }) => isHttp(protocol) || protocol === "auto");
}

/** An undeclared port is spoken to as its caller speaks; a declared one as it says. */
export function upstreamProtocol(protocol: Protocol): UpstreamProtocol {
  if (protocol === "auto") return "downstream";
  if (!isHttp(protocol)) return "tcp";
  return protocol === "http" ? "http1" : "http2";
}

/**
 * A gateway speaks HTTP/1.1 to a port that is undeclared, as Istio's do: its clients speak HTTP/2 to it because it can, and
 * know nothing of who answers behind it.
 */
function spokenTo(port: Protocol, by: AskedBy, { asCaller, upgrade }: ConnectionPool = {}): UpstreamProtocol {
  const protocol = upstreamProtocol(port);
  if (protocol === "tcp") return protocol;
  if (asCaller) return "downstream";
  if (protocol === "downstream" && by === "gateway") return "http1";
  return protocol === "http1" && upgrade ? "http2" : protocol;
}

/** A port that cannot be asked so is not asked. */
function checkPart(
  { healthCheck }: TrafficSettings,
  host: string,
  spoken: UpstreamProtocol,
): Pick<ClusterItem, "healthCheck"> {
  if (!healthCheck || !mayAsk[healthCheck.asks.kind].includes(spoken)) return {};
  return { healthCheck: { ...healthCheck, host } };
}

const mayAsk: Readonly<Record<HealthCheck["asks"]["kind"], readonly UpstreamProtocol[]>> = {
  http: ["http1", "http2", "downstream"],
  grpc: ["http2", "downstream"],
  tcp: ["http1", "http2", "downstream", "tcp"],
};

/** "passthrough" means the address the caller dialled, and a caller of ours dials the proxy: the default holds. */
function balancerOf(balancer: TrafficSettings["balancer"]): Balancer {
  if (typeof balancer === "object") return balancer.table;
  return balancer === undefined || balancer === "passthrough" ? "least-request" : balancer;
}

function tlsOf(input: ClusterInput, mode: ClientTlsMode, serverName: string): ClientTls {
  const { accepted, trustDomain, declared } = input;
  if (mode === "disable") return { mode: "plaintext" };
  if (typeof mode === "object") {
    const isFor = input.by === "gateway" || secretsIn(mode).length === 0;
    return isFor ? { mode: "own", tls: mode } : { mode: "plaintext" };
  }
  // Nobody with a mesh identity answers: there is nobody to speak mTLS to, unless a rule insists on it.
  if (mode === "auto" && !accepted.mutual) return { mode: "plaintext" };
  if (accepted.ids.length > 0) return { mode, serverName, servers: { kind: "exactly", ids: accepted.ids } };
  return {
    mode,
    serverName,
    servers: { kind: "prefix", prefix: `spiffe://${trustDomain}/ns/${declared.namespace}/sa/` },
  };
}

/** The way to hosts that the mesh does not know. */
export const dnsClusterItem: ClusterItem = {
  type: "cluster",
  name: dnsCluster,
  protocol: "downstream",
  balancer: "round-robin",
  pool: {},
  upstream: { kind: "dns", tls: { mode: "plaintext" } },
};
