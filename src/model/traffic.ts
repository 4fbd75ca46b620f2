/** How a destination is used: a DestinationRule after parsing. Absent means Istio's default. */
import type { Host, Namespace } from "./names.ts";
import type { SecretName } from "./secret_name.ts";

export type SimpleBalancer = "round-robin" | "least-request" | "random" | "passthrough";

/** Requests of one key go to one endpoint, for as long as it is there. */
export interface ConsistentHash {
  readonly key: HashKey;
  readonly table: HashTable;
}

/** What of a request is hashed. */
export type HashKey =
  /** Name in lower case. */
  | { readonly kind: "header"; readonly name: string }
  | { readonly kind: "query"; readonly name: string }
  /** The address that the connection came from. */
  | { readonly kind: "source-ip" }
  | {
      readonly kind: "cookie";
      readonly name: string;
      readonly path?: string;
      /** Who has no such cookie is given one for so long, 0: until the browser ends. Absent: is given none. */
      readonly ttlMs?: number;
      /** Of the cookie that is given, in order. */
      readonly attributes?: readonly CookieAttribute[];
    };

export interface CookieAttribute {
  readonly name: string;
  readonly value?: string;
}

/** Absent sizes are Envoy's, which are Istio's too. */
export type HashTable =
  | { readonly kind: "ring"; readonly minimumSize?: number }
  /** A prime. */
  | { readonly kind: "maglev"; readonly size?: number };

/** Which localities a caller's requests go to; each locality sees another preference. */
export type LocalityPreference =
  | { readonly kind: "off" }
  /** The nearest first, those further away when endpoints there are ill; needs outlier detection. */
  | { readonly kind: "failover"; readonly regions: readonly RegionSuccessor[] }
  /** Who shares the most of the labels with the caller, from the first on, goes first; needs outlier detection too. */
  | {
      readonly kind: "labels";
      readonly labels: readonly PriorityLabel[];
      /** Of those that share as many the nearest goes first; absent: they are alike. */
      readonly regions?: readonly RegionSuccessor[];
    }
  /** Of the first that means the caller; no other locality gets anything. */
  | { readonly kind: "distribute"; readonly shares: readonly LocalityShares[] };

/** Which region comes after the caller's own. */
export interface RegionSuccessor {
  readonly from: string;
  readonly to: string;
}

/** Shared by endpoints that have it as the caller has it, or with this value. */
export interface PriorityLabel {
  readonly name: string;
  readonly value?: string;
}

/** Labels that say where somebody is; the locality and the network are meant. */
export const placeLabels = {
  network: "topology.istio.io/network",
  region: "topology.kubernetes.io/region",
  zone: "topology.kubernetes.io/zone",
} as const;

export interface LocalityShares {
  readonly from: LocalityPattern;
  readonly to: readonly { readonly pattern: LocalityPattern; readonly percent: number }[];
}

/** Absent: any. */
export interface LocalityPattern {
  readonly region?: string;
  readonly zone?: string;
}

export interface ConnectionPool {
  readonly maxConnections?: number;
  readonly connectTimeoutMs?: number;
  readonly http1MaxPendingRequests?: number;
  readonly http2MaxRequests?: number;
  readonly maxRequestsPerConnection?: number;
  readonly maxRetries?: number;
  readonly idleTimeoutMs?: number;
  readonly maxConnectionDurationMs?: number;
  /** Of one HTTP/2 connection. */
  readonly maxConcurrentStreams?: number;
  readonly keepalive?: Keepalive;
  /** Speak HTTP/2 where the port says HTTP/1.1. */
  readonly upgrade?: true;
  /** Speak what the caller spoke, whatever the port says. */
  readonly asCaller?: true;
}

/** Of TCP; absent: the operating system's. */
export interface Keepalive {
  readonly probes?: number;
  /** Until the first probe. */
  readonly timeMs?: number;
  readonly intervalMs?: number;
}

/** When an endpoint that fails is taken out for a while. Absent counts and times are Envoy's, which are Istio's too. */
export interface OutlierDetection {
  /** 0: these errors take nobody out. */
  readonly consecutive5xxErrors?: number;
  readonly consecutiveGatewayErrors?: number;
  /** Absent: errors on the way to an endpoint count as its own. */
  readonly localOrigin?: { readonly consecutiveFailures?: number };
  readonly intervalMs?: number;
  readonly baseEjectionTimeMs?: number;
  readonly maxEjectionPercent?: number;
  /** Below this share of healthy endpoints all are used, the healthy and the others; absent: never. */
  readonly minHealthPercent?: number;
}

/** What callers' proxies ask each endpoint, whether or not there are requests. */
export interface HealthCheck {
  readonly asks:
    | { readonly kind: "http"; readonly path: string }
    /** grpc.health.v1; absent: the server as a whole. */
    | { readonly kind: "grpc"; readonly service?: string }
    /** Whether a connection opens. */
    | { readonly kind: "tcp" };
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Answers in a row. */
  readonly healthyThreshold: number;
  readonly unhealthyThreshold: number;
}

export type ClientTls = "disable" | "mesh" | "auto" | OwnTls;

/** TLS that has nothing to do with the mesh's identities. Files are the proxy's host's; secrets, its agent's: a gateway's. */
export interface OwnTls {
  /** Shown to the server; absent: nothing is. */
  readonly certificate?: { readonly chainFile: string; readonly keyFile: string } | { readonly secret: SecretName };
  /** Absent: whoever answers is believed. */
  readonly server?: {
    readonly roots: { readonly file: string } | { readonly secret: SecretName };
    /** Its certificate has one of them; none: that of the request's Host. */
    readonly names: readonly string[];
  };
  /** That is asked for; absent: the request's Host. */
  readonly serverName?: string;
}

/** That a proxy asks its agent for. */
export function secretsIn({ certificate, server }: OwnTls): readonly SecretName[] {
  return [certificate, server?.roots].flatMap((part) => (part && "secret" in part ? [part.secret] : []));
}

/** How many retries may be under way, in proportion to the requests that are. */
export interface RetryBudget {
  /** 0 to 100; absent: 20. */
  readonly percent?: number;
  /** So many may always be; absent: 3. */
  readonly minRetryConcurrency?: number;
}

/** How a new endpoint's share grows to its full size. */
export interface Warmup {
  readonly durationMs: number;
  /** Of the share, at the beginning; absent: 10. */
  readonly minimumPercent?: number;
  /** Above 1 it grows faster at first; absent: 1. */
  readonly aggression?: number;
}

export interface TrafficSettings {
  readonly balancer?: SimpleBalancer | ConsistentHash;
  readonly locality?: LocalityPreference;
  readonly warmup?: Warmup;
  readonly connectionPool?: ConnectionPool;
  readonly outlierDetection?: OutlierDetection;
  readonly retryBudget?: RetryBudget;
  readonly healthCheck?: HealthCheck;
  /** Version of the PROXY protocol that each connection begins with. */
  readonly proxyProtocol?: 1 | 2;
  /** ISTIO_MUTUAL is "mesh"; absent or "auto": mTLS to whoever has a mesh identity. */
  readonly tls?: ClientTls;
}

export interface Subset {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Over the rule's own settings, field by field of the first level. */
  readonly settings: TrafficSettings;
  /** Instead of all these, for one service port. */
  readonly portSettings: Readonly<Record<number, TrafficSettings>>;
}

export interface DestinationRule {
  readonly namespace: Namespace;
  readonly name: string;
  readonly host: Host;
  readonly exportTo: readonly string[];
  readonly settings: TrafficSettings;
  /** Instead of the rule's own settings, for one service port. */
  readonly portSettings: Readonly<Record<number, TrafficSettings>>;
  readonly subsets: readonly Subset[];
  readonly createdAt: number;
}

/** All that a rule says: for all its host's callers, for a port, for a subset. */
export function settingsIn({ settings, portSettings, subsets }: DestinationRule): readonly TrafficSettings[] {
  const ofSubsets = subsets.flatMap((subset) => [subset.settings, ...Object.values(subset.portSettings)]);
  return [settings, ...Object.values(portSettings), ...ofSubsets];
}

/** Secrets that it names, for any of those. */
export function secretsOfRule(rule: DestinationRule): readonly SecretName[] {
  return settingsIn(rule).flatMap(({ tls }) => (typeof tls === "object" ? secretsIn(tls) : []));
}

/** What becomes of a request for a host that the mesh does not know: asked of DNS and forwarded, or answered with 502. */
export const outboundTrafficPolicies = ["ALLOW_ANY", "REGISTRY_ONLY"] as const;
export type OutboundTrafficPolicy = (typeof outboundTrafficPolicies)[number];

export function outboundTrafficPolicyFrom(word: string): OutboundTrafficPolicy | undefined {
  return outboundTrafficPolicies.find((policy) => policy === word);
}
