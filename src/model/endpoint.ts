/**
 * Endpoints: where a service's instances answer. Each source writes the whole of what it knows about a service, cut
 * into shards; merging shards is pure and order-free (compile/merge).
 */
import type { SpiffeId } from "./identity.ts";
import type { Locality, ServiceRef, WorkloadName } from "./names.ts";
import type { Protocol } from "./protocol.ts";

export interface ServicePort {
  readonly name: string;
  /** The number that callers use. */
  readonly port: number;
  readonly protocol: Protocol;
}

export type Health = "healthy" | "unhealthy" | "draining";

export interface Endpoint {
  /** Unique within the service and source. */
  readonly id: string;
  /** IPv4 or IPv6 literal. */
  readonly address: string;
  /** Service port name → the number that answers at `address`. */
  readonly ports: Readonly<Record<string, number>>;
  readonly health: Health;
  /** 0–1,000,000; 0 gets nothing. Default 1. */
  readonly weight: number;
  readonly locality: Locality;
  /** The network it is reached in; "" is the mesh's default network. */
  readonly network: string;
  readonly labels: Readonly<Record<string, string>>;
  /** How it is spoken to: "mtls" when a sidecar with a mesh identity answers, else "plaintext". */
  readonly transport: "mtls" | "plaintext";
  /** The identity that must answer; present exactly when transport is "mtls". */
  readonly identity?: SpiffeId;
  /** The workload record behind it, when an agent registered it. */
  readonly workload?: WorkloadName;
}

/** One record of the endpoints stream. */
export interface EndpointShard {
  readonly service: ServiceRef;
  /** Who says so: "api", "agent-HOST", "kubernetes-CLUSTER", … */
  readonly source: string;
  /** 0-based; a source's later shards hold what did not fit. */
  readonly shard: number;
  readonly ports: readonly ServicePort[];
  readonly endpoints: readonly Endpoint[];
  /**
   * Which of its source's sets this is of, for a source that numbers them: a node that still works at an older set than
   * the one another node has written leaves it alone.
   */
  readonly said?: number;
}
