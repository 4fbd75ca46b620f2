/** How a destination is used: a DestinationRule after parsing. Absent means Istio's default. */
import type { Host, Namespace } from "./names.ts";

export type SimpleBalancer = "round-robin" | "least-request" | "random" | "passthrough";

export interface ConnectionPool {
  readonly maxConnections?: number;
  readonly connectTimeoutMs?: number;
  readonly http1MaxPendingRequests?: number;
  readonly http2MaxRequests?: number;
  readonly maxRequestsPerConnection?: number;
  readonly maxRetries?: number;
  readonly idleTimeoutMs?: number;
}

export type ClientTls = "disable" | "mesh" | "auto";

export interface TrafficSettings {
  readonly balancer?: SimpleBalancer;
  readonly connectionPool?: ConnectionPool;
  /** ISTIO_MUTUAL is "mesh"; absent or "auto": mTLS to whoever has a mesh identity. */
  readonly tls?: ClientTls;
}

export interface Subset {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Over the rule's own settings, field by field of the first level. */
  readonly settings: TrafficSettings;
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

/** What becomes of a request for a host that the mesh does not know: asked of DNS and forwarded, or answered with 502. */
export const outboundTrafficPolicies = ["ALLOW_ANY", "REGISTRY_ONLY"] as const;
export type OutboundTrafficPolicy = (typeof outboundTrafficPolicies)[number];

export function outboundTrafficPolicyFrom(word: string): OutboundTrafficPolicy | undefined {
  return outboundTrafficPolicies.find((policy) => policy === word);
}
