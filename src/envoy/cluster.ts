/** Cluster item → envoy.config.cluster.v3.Cluster. */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import type { Any } from "@bufbuild/protobuf/wkt";
import {
  type Cluster,
  type Cluster_CommonLbConfigSchema,
  Cluster_DiscoveryType,
  Cluster_DnsLookupFamily,
  Cluster_LbPolicy,
  ClusterSchema,
} from "#envoy/envoy/config/cluster/v3/cluster_pb.js";
import type { OutlierDetectionSchema } from "#envoy/envoy/config/cluster/v3/outlier_detection_pb.js";
import type { AddressSchema, TcpKeepaliveSchema } from "#envoy/envoy/config/core/v3/address_pb.js";
import type { TransportSocket } from "#envoy/envoy/config/core/v3/base_pb.js";
import type { HttpProtocolOptionsSchema as CommonHttpOptionsSchema } from "#envoy/envoy/config/core/v3/protocol_pb.js";
import { ClusterConfigSchema } from "#envoy/envoy/extensions/clusters/dynamic_forward_proxy/v3/cluster_pb.js";
import { HttpProtocolOptionsSchema } from "#envoy/envoy/extensions/upstreams/http/v3/http_protocol_options_pb.js";
import type {
  ApplicationUpstream,
  ClientTls,
  ClusterHealthCheck,
  ClusterItem,
  PoolLimits,
  UpstreamProtocol,
} from "../compile/ir.ts";
import type { Keepalive, OutlierDetection, RetryBudget } from "../model/traffic.ts";
import { unreachable } from "../platform/error.ts";
import { duration, type Init, packed, socketAddress } from "./any.ts";
import { balancing } from "./balancer.ts";
import { ads } from "./config_source.ts";
import { endpointsMessage } from "./endpoints.ts";
import { dnsCache } from "./filters/dns_cache.ts";
import { checkAlpn, healthCheckInit } from "./health_check.ts";
import { announced, fromHost, ownClient } from "./own_tls.ts";
import { meshClient, plaintext, plaintextTlsMode, tlsModeKey } from "./transport_socket.ts";

type CommonLb = Init<typeof Cluster_CommonLbConfigSchema>;

/** Istio's default; Envoy's own is 5 s. */
const connectTimeoutMs = 10_000;
/** As good as none: Envoy's own default of 1,024 is a surprise nobody asked for. */
const noLimit = 2 ** 32 - 1;
/**
 * Connections to the application are given up before it gives them up: Node.js closes after 5 s, others later, and a
 * request that meets a closing connection fails. A new one costs nothing on loopback.
 */
const applicationIdleMs = 4_000;
/** Of a name that DNS did not answer; later ones wait up to ten times as long. */
const dnsRetryMs = 1_000;
/** What a mesh client offers when it does not carry HTTP (compile/inbound_chains matches it). */
const tcpAlpn = ["weft"];

export function clusterMessage(item: ClusterItem): Cluster {
  const pool = isApplication(item.upstream) ? { idleTimeoutMs: applicationIdleMs, ...item.pool } : item.pool;
  const options = protocolOptions(item, pool);
  return create(ClusterSchema, {
    name: item.name,
    connectTimeout: duration(pool.connectTimeoutMs ?? connectTimeoutMs),
    circuitBreakers: { thresholds: [thresholds(pool, item.retryBudget)] },
    // All endpoints ill is an answer too: no traffic to any rather than to all of them, unless a rule says otherwise.
    commonLbConfig: {
      healthyPanicThreshold: { value: item.outliers?.minHealthPercent ?? 0 },
      ...(item.localityShares
        ? { localityConfigSpecifier: { case: "localityWeightedLbConfig", value: {} } as const }
        : {}),
      ...mergeWindow(item),
    },
    ...(item.outliers ? { outlierDetection: outlierDetection(item.outliers) } : {}),
    // A Unix socket has none.
    ...(pool.keepalive && item.upstream.kind !== "socket"
      ? { upstreamConnectionOptions: { tcpKeepalive: keepalive(pool.keepalive) } }
      : {}),
    ...(options ? { typedExtensionProtocolOptions: { [httpOptions]: options } } : {}),
    ...upstream(item),
  });
}

function upstream(item: ClusterItem): Init<typeof ClusterSchema> {
  switch (item.upstream.kind) {
    case "endpoints":
      return {
        clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.EDS },
        edsClusterConfig: { edsConfig: ads() },
        ...balancing(item.balancer, item.warmup),
        // What discovery takes away goes at once, whatever its last health check said.
        ignoreHealthOnHostRemoval: true,
        ...(item.healthCheck ? { healthChecks: [checkOf(item, item.healthCheck, item.upstream.tls)] } : {}),
        ...sockets(item.upstream, item.protocol),
      };
    case "names": {
      const { answers, localities } = item.upstream;
      // Envoy refuses LOGICAL_DNS without a name: of a subset that selects nobody.
      const one = answers === "first" && localities.length > 0;
      const type = one ? Cluster_DiscoveryType.LOGICAL_DNS : Cluster_DiscoveryType.STRICT_DNS;
      return {
        clusterDiscoveryType: { case: "type", value: type },
        // A name of this host, such as localhost, has both; what listens there seldom does.
        dnsLookupFamily: Cluster_DnsLookupFamily.V4_PREFERRED,
        respectDnsTtl: true,
        dnsFailureRefreshRate: { baseInterval: duration(dnsRetryMs), maxInterval: duration(dnsRetryMs * 10) },
        ...balancing(item.balancer, item.warmup),
        loadAssignment: endpointsMessage({ type: "endpoints", name: item.name, localities }),
        ...sockets(item.upstream, item.protocol),
      };
    }
    case "application":
    case "socket": {
      const address = applicationAddress(item.upstream);
      return {
        clusterDiscoveryType: { case: "type", value: Cluster_DiscoveryType.STATIC },
        ...balancing(item.balancer),
        loadAssignment: {
          clusterName: item.name,
          endpoints: [{ lbEndpoints: [{ hostIdentifier: { case: "endpoint", value: { address } } }] }],
        },
      };
    }
    case "dns": {
      const clusterImplementationSpecifier = { case: "dnsCacheConfig", value: dnsCache() } as const;
      return {
        clusterDiscoveryType: {
          case: "clusterType",
          value: {
            name: "envoy.clusters.dynamic_forward_proxy",
            typedConfig: packed(ClusterConfigSchema, {
              clusterImplementationSpecifier,
              ...(item.upstream.tls.mode === "plaintext" ? {} : { allowInsecureClusterOptions: true }),
            }),
          },
        },
        lbPolicy: Cluster_LbPolicy.CLUSTER_PROVIDED,
        ...sockets(item.upstream, item.protocol),
      };
    }
    default:
      return unreachable(item.upstream);
  }
}

function isApplication(upstream: ClusterItem["upstream"]): upstream is ApplicationUpstream {
  return upstream.kind === "application" || upstream.kind === "socket";
}

function applicationAddress(upstream: ApplicationUpstream): Init<typeof AddressSchema> {
  if (upstream.kind === "socket") return { address: { case: "pipe", value: { path: upstream.path } } };
  return socketAddress({ address: upstream.address ?? "127.0.0.1", port: upstream.port });
}

function checkOf({ protocol }: ClusterItem, check: ClusterHealthCheck, { mode }: ClientTls) {
  return healthCheckInit(check, { protocol, alpn: mode === "plaintext" ? [] : checkAlpn(check, protocol) });
}

function sockets(
  { tls, proxyProtocol }: Extract<ClusterItem["upstream"], { readonly tls: ClientTls }>,
  protocol: UpstreamProtocol,
): Pick<Init<typeof ClusterSchema>, "transportSocket" | "transportSocketMatches"> {
  const announcing = (socket: TransportSocket): TransportSocket =>
    proxyProtocol ? announced(socket, proxyProtocol) : socket;
  if (tls.mode === "plaintext") return proxyProtocol ? { transportSocket: announcing(plaintext()) } : {};
  if (tls.mode === "own") return { transportSocket: announcing(ownClient(tls.tls)) };
  // Who answers in the mesh's mTLS expects nothing before it.
  const secured = meshClient(tls, protocol === "tcp" ? tcpAlpn : []);
  if (tls.mode === "mesh") return { transportSocket: secured };
  const transportSocket = announcing(plaintext());
  const marked = { name: "plaintext", match: { [tlsModeKey]: plaintextTlsMode }, transportSocket };
  return { transportSocketMatches: [marked], transportSocket: secured };
}

/** Where each change costs a hash table, or every first check of many endpoints is one: still short beside a request's time. */
const dearMergeMs = 100;

/**
 * Envoy gathers changes of health for a second after one of them. An endpoint that comes back from its ejection and is still
 * ill is ejected again at once, and would be asked on for that second.
 */
function mergeWindow({ outliers, healthCheck, balancer }: ClusterItem): Pick<CommonLb, "updateMergeWindow"> {
  if (!outliers && !healthCheck) return {};
  const isDear = healthCheck !== undefined || typeof balancer !== "string";
  return { updateMergeWindow: duration(isDear ? dearMergeMs : 0) };
}

const defaultRetryPercent = 20;
const defaultRetryConcurrency = 3;

function thresholds(pool: PoolLimits, budget: RetryBudget | undefined) {
  return {
    maxConnections: pool.maxConnections ?? noLimit,
    maxPendingRequests: pool.http1MaxPendingRequests ?? noLimit,
    maxRequests: pool.http2MaxRequests ?? noLimit,
    maxRetries: pool.maxRetries ?? noLimit,
    ...(budget
      ? {
          retryBudget: {
            budgetPercent: { value: budget.percent ?? defaultRetryPercent },
            minRetryConcurrency: budget.minRetryConcurrency ?? defaultRetryConcurrency,
          },
        }
      : {}),
  };
}

/** Envoy would also judge by the success rate of the others, and does not when this is 0. */
const never = 0;
const always = 100;

function outlierDetection(outliers: OutlierDetection): Init<typeof OutlierDetectionSchema> {
  const { consecutive5xxErrors: any, consecutiveGatewayErrors: gateway, localOrigin: local } = outliers;
  const { intervalMs, baseEjectionTimeMs, maxEjectionPercent } = outliers;
  return {
    ...consecutive(any, (value, enforcing) => ({ consecutive5xx: value, enforcingConsecutive5xx: enforcing })),
    ...consecutive(gateway, (value, enforcing) => ({
      consecutiveGatewayFailure: value,
      enforcingConsecutiveGatewayFailure: enforcing,
    })),
    enforcingSuccessRate: never,
    ...(local
      ? {
          splitExternalLocalOriginErrors: true,
          ...consecutive(local.consecutiveFailures, (value, enforcing) => ({
            consecutiveLocalOriginFailure: value,
            enforcingConsecutiveLocalOriginFailure: enforcing,
          })),
          enforcingLocalOriginSuccessRate: never,
        }
      : {}),
    ...(intervalMs === undefined ? {} : { interval: duration(intervalMs) }),
    ...(baseEjectionTimeMs === undefined ? {} : { baseEjectionTime: duration(baseEjectionTimeMs) }),
    ...(maxEjectionPercent === undefined ? {} : { maxEjectionPercent }),
  };
}

function consecutive<T>(count: number | undefined, fields: (value: number, enforcing: number) => T): T | undefined {
  return count === undefined ? undefined : fields(count, count === 0 ? never : always);
}

function keepalive({ probes, timeMs, intervalMs }: Keepalive): Init<typeof TcpKeepaliveSchema> {
  return {
    ...(probes ? { keepaliveProbes: probes } : {}),
    ...(timeMs === undefined ? {} : { keepaliveTime: wholeSeconds(timeMs) }),
    ...(intervalMs === undefined ? {} : { keepaliveInterval: wholeSeconds(intervalMs) }),
  };
}

/** The system counts them so; none is not what anybody meant. */
function wholeSeconds(ms: number): number {
  return Math.max(1, Math.round(ms / 1_000));
}

const httpOptions = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

function protocolOptions({ protocol, upstream }: ClusterItem, pool: PoolLimits): Any | undefined {
  if (protocol === "tcp") return undefined;
  const common = connectionOptions(pool);
  const named = namesOf(upstream);
  // Envoy's default.
  if (protocol === "http1" && upstream.kind !== "dns" && !named && Object.keys(common).length === 0) return undefined;
  return packed(HttpProtocolOptionsSchema, {
    ...(Object.keys(common).length > 0 ? { commonHttpProtocolOptions: common } : {}),
    ...(named ? { upstreamHttpProtocolOptions: named } : {}),
    upstreamProtocolOptions: spoken(protocol, pool),
  });
}

/** Which names of TLS the request's Host gives. */
function namesOf(upstream: ClusterItem["upstream"]): ReturnType<typeof fromHost> {
  if (isApplication(upstream)) return undefined;
  if (upstream.tls.mode === "own") return fromHost(upstream.tls.tls);
  // Envoy demands them of a cluster that goes where the Host says. In plaintext nothing comes of them; the mesh's mTLS has its
  // own server name and identities, and is let off.
  const demanded = upstream.kind === "dns" && upstream.tls.mode === "plaintext";
  return demanded ? { autoSni: true, autoSanValidation: true } : undefined;
}

function connectionOptions(pool: PoolLimits): Init<typeof CommonHttpOptionsSchema> {
  const { maxRequestsPerConnection, idleTimeoutMs, maxConnectionDurationMs } = pool;
  return {
    ...(maxRequestsPerConnection ? { maxRequestsPerConnection } : {}),
    ...(idleTimeoutMs === undefined ? {} : { idleTimeout: duration(idleTimeoutMs) }),
    ...(maxConnectionDurationMs === undefined ? {} : { maxConnectionDuration: duration(maxConnectionDurationMs) }),
  };
}

function spoken(
  protocol: Exclude<UpstreamProtocol, "tcp">,
  { maxConcurrentStreams }: PoolLimits,
): MessageInitShape<typeof HttpProtocolOptionsSchema>["upstreamProtocolOptions"] & object {
  const http2ProtocolOptions = maxConcurrentStreams ? { maxConcurrentStreams } : {};
  if (protocol === "downstream") {
    return { case: "useDownstreamProtocolConfig", value: { httpProtocolOptions: {}, http2ProtocolOptions } };
  }
  const protocolConfig =
    protocol === "http1"
      ? ({ case: "httpProtocolOptions", value: {} } as const)
      : ({ case: "http2ProtocolOptions", value: http2ProtocolOptions } as const);
  return { case: "explicitHttpConfig", value: { protocolConfig } };
}
