/**
 * Who calls on the agents' listener, from the TLS session: TLS has verified the chain against the own trust domain's
 * roots; here the one URI SAN must be an agent's identity, and the certificate must still be in time. Pure.
 */
import { agentOf, type TrustDomain } from "../../model/identity.ts";

export interface PeerSession {
  /** Whether the chain leads to one of the roots. */
  readonly authorized: boolean;
  /** As node:tls prints it: "URI:spiffe://…, DNS:…". Absent without a certificate. */
  readonly subjectAltName: string | undefined;
  readonly notAfterMs: number;
}

export type Peer =
  | { readonly kind: "agent"; readonly hostName: string }
  | { readonly kind: "refused"; readonly because: string };

export function identifyPeer(session: PeerSession, trustDomain: TrustDomain, nowMs: number): Peer {
  if (session.subjectAltName === undefined) return refused("present the agent's certificate; attest first");
  if (!session.authorized) return refused("the certificate does not lead to a root of this mesh; attest again");
  // A live connection outlasts its certificate; its caller does not.
  if (!(nowMs < session.notAfterMs)) return refused("the certificate has expired; attest again");
  // A name that holds a comma or a quote is printed in quotes, so it cannot pass for two.
  const uris = session.subjectAltName.split(", ").filter((name) => name.startsWith("URI:"));
  const agent = uris.length === 1 ? agentOf((uris[0] ?? "").slice("URI:".length)) : undefined;
  if (agent?.trustDomain !== trustDomain) return refused("the certificate is no agent's");
  return { kind: "agent", hostName: agent.hostName };
}

function refused(because: string): Peer {
  return { kind: "refused", because };
}
