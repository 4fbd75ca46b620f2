/** The fleet's traffic as a graph: what `GET /v1/topology` answers and the dashboard draws. Counted by Envoys. */

/** How the connections of an edge are protected, from the TLS handshakes Envoy counted. */
export type EdgeSecurity = "mtls" | "plaintext" | "mixed" | "unknown";

export interface TopologyNode {
  /** NAME.NS */
  readonly workload: string;
  readonly service: string;
  readonly namespace: string;
  readonly version: string;
  readonly role: "sidecar" | "gateway";
  /** Answers with 5xx, and refusals by policy, of what came in; per second over the window. */
  readonly inboundPerSecond: number;
  readonly deniedPerSecond: number;
  /** Clusters and listeners that its Envoy still warms. */
  readonly warming: number;
}

export interface TopologyEdge {
  /** The calling workload, NAME.NS. */
  readonly from: string;
  /** The called service in its namespace, and the version (label `version`) of the instances that answered. */
  readonly toService: string;
  readonly toNamespace: string;
  readonly toVersion: string;
  /** Requests since the callers' Envoys started. */
  readonly requests: number;
  readonly requestsPerSecond: number;
  /** Share of the window's requests that did not fail, 0–1; 1 when there were none. */
  readonly successRate: number;
  readonly security: EdgeSecurity;
}

export interface Topology {
  readonly atMs: number;
  readonly windowMs: number;
  readonly nodes: readonly TopologyNode[];
  readonly edges: readonly TopologyEdge[];
}
