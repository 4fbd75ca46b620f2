/** What the agents' listener needs of the rest of a node, beyond what commit.ts needs. */
import type {
  AttestReply,
  BundleSet,
  Challenge,
  Heartbeat,
  HostRequest,
  IssuedSvid,
  JoinRequest,
  NodeAddresses,
} from "../../certificates/attestation/protocol.ts";
import type { Gateway } from "../../model/gateway.ts";
import type { SpiffeId, TrustDomain } from "../../model/identity.ts";
import type { DestinationRule } from "../../model/traffic.ts";
import type { Logger } from "../../platform/log.ts";
import type { CommitPorts } from "../commit.ts";
import type { Claims, Sealing } from "../ports.ts";

export interface AttestRefused {
  readonly kind: "refused";
  /** Stable; told as it is. */
  readonly code: string;
  readonly message: string;
  readonly retry: "never" | "later";
}

/** certificates/attestation/service.ts. */
export interface Attestation {
  challenge(hostName: string): AttestRefused | { readonly kind: "challenge"; readonly challenge: Challenge };
  join(request: JoinRequest): Promise<AttestRefused | { readonly kind: "admitted"; readonly reply: AttestReply }>;
  host(request: HostRequest): Promise<AttestRefused | { readonly kind: "admitted"; readonly reply: AttestReply }>;
}

/** certificates/signer.ts: answers in the order of the requests. */
export interface SvidIssuer {
  issue(
    requests: readonly { readonly spiffeId: SpiffeId; readonly csr: Uint8Array }[],
  ): Promise<
    readonly (
      | { readonly kind: "issued"; readonly svid: IssuedSvid }
      | { readonly kind: "refused"; readonly code: string; readonly message: string }
    )[]
  >;
}

export interface Hosts {
  /** Whether its agent was heard of lately: then nobody else takes a name that it has. */
  isLive(hostName: string): boolean;
  /**
   * A heartbeat, with only those proxies in it that are the host's own.
   * @returns whether the other nodes learn of it; otherwise they may take the host for silent.
   */
  heard(hostName: string, heartbeat: Heartbeat): boolean;
}

/** PEM. */
export interface ListenerCertificates {
  /** The node's own, with all that leads to its root and that root: a joining agent knows its fingerprint only. */
  readonly certChainWithRoot: string;
  readonly key: string;
  /** Roots of the own trust domain, which agents' certificates must lead to. */
  readonly roots: string;
}

export interface AgentPorts extends CommitPorts {
  readonly trustDomain: TrustDomain;
  readonly claims: Claims;
  readonly sealing: Sealing;
  readonly attestation: Attestation;
  readonly svids: SvidIssuer;
  readonly bundle: () => BundleSet;
  readonly nodes: () => NodeAddresses;
  readonly hosts: Hosts;
  readonly gateways: () => Iterable<Gateway>;
  readonly rules: () => Iterable<DestinationRule>;
  readonly certificates: {
    current(): ListenerCertificates;
    /** @returns how to stop listening. */
    onChange(listener: () => void): () => void;
  };
  readonly log: Logger;
}
