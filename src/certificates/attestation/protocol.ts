/**
 * What an agent and a node say to each other: JSON over HTTPS on the node's agent port.
 *
 * The agent trusts a node whose chain ends in a root that it knows (at first: the one whose SHA-256 stands in the join
 * token) and whose URI SAN is the meshd identity. Then, without a client certificate:
 *
 *   POST /v1/attest/join       JoinRequest → AttestReply        once per token; registers the host key
 *   POST /v1/attest/challenge  ChallengeRequest → Challenge     a nonce, valid for 30 s, for one use, on that node
 *   POST /v1/attest/host       HostRequest → AttestReply        by the registered host key, after any outage
 *
 * and with the agent's own SVID (spiffe://TD/agent/HOST) as client certificate:
 *
 *   PUT  /v1/agent/workloads   WorkloadSet → WorkloadSetReply   the whole of what runs on that host; idempotent
 *   POST /v1/agent/svids       SvidRequest → SvidReply          identities for workloads of that host only
 *   POST /v1/agent/secrets     StoredSecretRequest → StoredSecretReply   for gateways of that host, if a Gateway names it
 *   POST /v1/agent/heartbeat   Heartbeat → HeartbeatReply       every 2 s: what the host's Envoys say; what changed here
 *
 * A signature is ECDSA P-256 / SHA-256, base64 DER, by the host key over the UTF-8 of
 * "weft-join\n" + tokenId + "\n" + hostName + "\n" + csr, or "weft-host\n" + nonce + "\n" + hostName + "\n" + csr.
 * A CSR carries a public key and its proof of possession, nothing else in it is read: identity comes from attestation.
 * Errors are RFC 9457 problem details with a stable `code`. Any call may be repeated.
 */
import type { Health } from "../../model/endpoint.ts";
import type { Workload } from "../../model/workload.ts";

/** base64url of this as JSON is the join token. */
export interface JoinToken {
  readonly version: 1;
  readonly id: string;
  readonly secret: string;
  /** SHA-256 of the root certificate's DER, hex. */
  readonly rootFingerprint: string;
  readonly trustDomain: string;
  /** Agent ports of the nodes, host:port. */
  readonly addresses: readonly string[];
}

export interface JoinRequest {
  readonly tokenId: string;
  readonly tokenSecret: string;
  readonly hostName: string;
  /** SPKI, base64 DER. */
  readonly hostKey: string;
  /** PKCS#10, base64 DER, for the agent's own SVID. */
  readonly csr: string;
  readonly signature: string;
}

export interface ChallengeRequest {
  readonly hostName: string;
}

export interface Challenge {
  readonly nonce: string;
}

export interface HostRequest {
  readonly hostName: string;
  readonly nonce: string;
  readonly csr: string;
  readonly signature: string;
}

export interface IssuedSvid {
  readonly spiffeId: string;
  /** Leaf first, then intermediates; base64 DER each. The root is in the bundle. */
  readonly chain: readonly string[];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** Roots by trust domain. `sequence` rises with every change. */
export interface BundleSet {
  readonly sequence: number;
  readonly trustDomain: string;
  /** Trust domain → root certificates, base64 DER. */
  readonly roots: Readonly<Record<string, readonly string[]>>;
}

export interface NodeAddresses {
  /** Agent ports, host:port, of every live node. */
  readonly agents: readonly string[];
  /** xDS ports likewise. */
  readonly xds: readonly string[];
}

export interface AttestReply {
  readonly svid: IssuedSvid;
  readonly bundle: BundleSet;
  readonly nodes: NodeAddresses;
}

export interface WorkloadSet {
  /** Rises with every call, also of a restarted agent: a node that is slow must not undo what another has done since. */
  readonly said?: number;
  readonly workloads: readonly {
    readonly workload: Workload;
    /** Whether its proxy serves: only then is there an endpoint. */
    readonly serving: boolean;
    readonly health: Health;
  }[];
}

export interface WorkloadSetReply {
  /** Revision and endpoints' token that hold this set. */
  readonly revision: string;
  readonly endpointsToken: string;
  /** What could not be registered, and why (a port with two protocols, a name that another host has). */
  readonly refused: readonly { readonly workload: string; readonly code: string; readonly message: string }[];
  /** A set of this higher number stands; the call was not carried out. Whoever is the host's agent says its set again. */
  readonly superseded?: number;
}

export interface SvidRequest {
  readonly requests: readonly { readonly workload: string; readonly csr: string }[];
}

export interface SvidReply {
  readonly issued: readonly { readonly workload: string; readonly svid: IssuedSvid }[];
  readonly refused: readonly { readonly workload: string; readonly code: string; readonly message: string }[];
}

export interface StoredSecretRequest {
  /** NAME.NS of a gateway workload. */
  readonly workload: string;
  /** As its Envoy asks for it (model/secret_name.ts). */
  readonly name: string;
}

/** A part of a Secret: one of the two. PEM. */
export interface StoredSecretReply {
  readonly version: string;
  readonly keyPair?: { readonly chain: string; readonly key: string } | undefined;
  readonly authorities?: string | undefined;
}

/** Traffic that one Envoy counted since it started, to one endpoint of one cluster. */
export interface EdgeCount {
  /** Envoy cluster name: outbound|PORT|SUBSET|HOST */
  readonly cluster: string;
  /** ip:port of the endpoint. */
  readonly endpoint: string;
  readonly requests: number;
  readonly errors: number;
  readonly activeConnections: number;
  /** Connections that were tried, and those that failed before they were made; absent: an older agent. */
  readonly connections?: number;
  readonly connectFailures?: number;
}

export interface ProxyReport {
  readonly workload: string;
  readonly envoyPid: number;
  /** Rises when the Envoy was started again, so counters that fell are understood. */
  readonly envoyStarts: number;
  /** Clusters and listeners that warm now. */
  readonly warming: number;
  /** Serial number of the SVID that the Envoy acknowledged over SDS; undefined: none yet. */
  readonly svidSerial?: string;
  /**
   * Secrets of the user's that the Envoy asked for and is done with: it took what is there, or there is nothing. Name →
   * version of a stored one, else "". Absent: an older agent.
   */
  readonly secrets?: Readonly<Record<string, string>>;
  readonly edges: readonly EdgeCount[];
  /** Cluster → TLS handshakes and connections opened since start: equal when every connection was mTLS. */
  readonly handshakes: Readonly<Record<string, { readonly tls: number; readonly connections: number }>>;
  /** Requests that came in, by response class, since start; and how many of their connections had a mesh identity. */
  readonly inbound: { readonly requests: number; readonly errors5xx: number; readonly denied: number };
}

export interface Heartbeat {
  readonly bundleSequence: number;
  readonly proxies: readonly ProxyReport[];
}

export interface HeartbeatReply {
  /** Present when the agent's is older. */
  readonly bundle?: BundleSet;
  readonly nodes: NodeAddresses;
  /** Gateway workload (NAME.NS) → ports that Gateway objects ask of it. */
  readonly gatewayPorts: Readonly<Record<string, readonly number[]>>;
  /** Gateway workload → name of a stored secret that it may ask for, and that is there → its version. Absent: an older node. */
  readonly secrets?: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** The node lost this host's workloads (new incarnation): send the set again. */
  readonly resend: boolean;
}
