/** The clusters by which callers reach a service: one for each port, and for each port and subset. Pure. */
import type { ServicePort } from "../model/endpoint.ts";
import type { SpiffeId, TrustDomain } from "../model/identity.ts";
import { type ServiceRef, serviceHost } from "../model/names.ts";
import { isHttp, type Protocol } from "../model/protocol.ts";
import type {
  ClientTls as ClientTlsMode,
  ConnectionPool,
  SimpleBalancer,
  Subset,
  TrafficSettings,
} from "../model/traffic.ts";
import { type EffectiveRule, settingsOf } from "./destination_rules.ts";
import type { Balancer, ClientTls, ClusterItem, UpstreamProtocol } from "./ir.ts";
import { dnsCluster, outboundCluster, outboundServerName } from "./naming.ts";

export interface ClusterInput {
  readonly service: ServiceRef;
  readonly ports: readonly ServicePort[];
  /** Identities of its endpoints, sorted. */
  readonly identities: readonly SpiffeId[];
  readonly rule: EffectiveRule;
  readonly trustDomain: TrustDomain;
}

export function clustersOf(input: ClusterInput): readonly ClusterItem[] {
  return input.ports.flatMap((port) =>
    [undefined, ...input.rule.subsets].map((subset) => clusterOf(input, port, subset)),
  );
}

function clusterOf(input: ClusterInput, { port, protocol }: ServicePort, subset: Subset | undefined): ClusterItem {
  const { service, rule } = input;
  const settings: TrafficSettings = settingsOf(rule, port, subset);
  const { asCaller: _asCaller, upgrade: _upgrade, ...pool } = settings.connectionPool ?? {};
  const subsetName = subset?.name ?? "";
  const host = serviceHost(service);
  return {
    type: "cluster",
    name: outboundCluster(port, subsetName, host),
    protocol: spokenTo(protocol, settings.connectionPool),
    balancer: balancerOf(settings.balancer),
    pool,
    ...(settings.warmup ? { warmup: settings.warmup } : {}),
    ...(settings.retryBudget ? { retryBudget: settings.retryBudget } : {}),
    ...(settings.outlierDetection ? { outliers: settings.outlierDetection } : {}),
    upstream: {
      kind: "endpoints",
      tls: tlsOf(input, settings.tls ?? "auto", outboundServerName(port, subsetName, host)),
    },
  };
}

/** An undeclared port is spoken to as its caller speaks; a declared one as it says. */
export function upstreamProtocol(protocol: Protocol): UpstreamProtocol {
  if (protocol === "auto") return "downstream";
  if (!isHttp(protocol)) return "tcp";
  return protocol === "http" ? "http1" : "http2";
}

function spokenTo(port: Protocol, { asCaller, upgrade }: ConnectionPool = {}): UpstreamProtocol {
  const protocol = upstreamProtocol(port);
  if (protocol === "tcp") return protocol;
  if (asCaller) return "downstream";
  return protocol === "http1" && upgrade ? "http2" : protocol;
}

/** "passthrough" means the address the caller dialled, and a caller of ours dials the proxy: the default holds. */
function balancerOf(balancer: SimpleBalancer | undefined): Balancer {
  return balancer === undefined || balancer === "passthrough" ? "least-request" : balancer;
}

function tlsOf(input: ClusterInput, mode: ClientTlsMode, serverName: string): ClientTls {
  const { identities, trustDomain, service } = input;
  if (mode === "disable") return { mode: "plaintext" };
  if (identities.length > 0) return { mode, serverName, servers: { kind: "exactly", ids: identities } };
  // Nobody with a mesh identity answers: there is nobody to speak mTLS to, unless a rule insists on it.
  if (mode === "auto") return { mode: "plaintext" };
  return {
    mode,
    serverName,
    servers: { kind: "prefix", prefix: `spiffe://${trustDomain}/ns/${service.namespace}/sa/` },
  };
}

/** The way to hosts that the mesh does not know. */
export const dnsClusterItem: ClusterItem = {
  type: "cluster",
  name: dnsCluster,
  protocol: "downstream",
  balancer: "round-robin",
  pool: {},
  upstream: { kind: "dns" },
};
