/** SPIFFE identities, as the SPIFFE-ID specification defines them. */
import type { Branded, Namespace } from "./names.ts";

export type TrustDomain = Branded<"trust domain">;
/** spiffe://TD/path */
export type SpiffeId = Branded<"spiffe id">;

export const defaultTrustDomain = "cluster.local" as TrustDomain;

// SPIFFE-ID, section 2.1 and 2.2: lower-case domain of letters, digits, dots, dashes, underscores; path segments of
// the same with upper case, never empty, "." or "..".
const trustDomainPattern = /^[a-z0-9._-]{1,255}$/;
const segmentPattern = /^[a-zA-Z0-9._-]+$/;

export function trustDomainFrom(text: string): TrustDomain | undefined {
  return trustDomainPattern.test(text) ? (text as TrustDomain) : undefined;
}

export interface ParsedSpiffeId {
  readonly trustDomain: TrustDomain;
  readonly segments: readonly string[];
}

export function parseSpiffeId(text: string): ParsedSpiffeId | undefined {
  if (!text.startsWith("spiffe://") || text.length > 2048) return undefined;
  const [domain = "", ...segments] = text.slice("spiffe://".length).split("/");
  const trustDomain = trustDomainFrom(domain);
  if (!trustDomain) return undefined;
  const good = segments.every((segment) => segmentPattern.test(segment) && segment !== "." && segment !== "..");
  return good ? { trustDomain, segments } : undefined;
}

const accountPattern = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** Kubernetes' DNS subdomain: each part of letters, digits and dashes. Always a good path segment of a SPIFFE ID. */
export function isServiceAccount(text: string): boolean {
  return text.length <= 253 && accountPattern.test(text);
}

export interface ServiceAccountRef {
  readonly namespace: Namespace;
  readonly serviceAccount: string;
}

/** spiffe://TD/ns/NS/sa/SA, the form Istio and Weft share. */
export function serviceAccountId(trustDomain: TrustDomain, account: ServiceAccountRef): SpiffeId {
  return `spiffe://${trustDomain}/ns/${account.namespace}/sa/${account.serviceAccount}` as SpiffeId;
}

export function serviceAccountOf(id: string): (ServiceAccountRef & { readonly trustDomain: TrustDomain }) | undefined {
  const parsed = parseSpiffeId(id);
  if (!parsed) return undefined;
  const [ns, namespace, sa, serviceAccount, ...rest] = parsed.segments;
  if (ns !== "ns" || sa !== "sa" || !namespace || !serviceAccount || rest.length > 0) return undefined;
  return { trustDomain: parsed.trustDomain, namespace: namespace as Namespace, serviceAccount };
}

/** A control-plane node's own identity, which agents and proxies pin. */
export function meshdId(trustDomain: TrustDomain): SpiffeId {
  return serviceAccountId(trustDomain, { namespace: "mesh-system" as Namespace, serviceAccount: "meshd" });
}

/** A host agent's identity; it may speak for the workloads registered from that host only. */
export function agentId(trustDomain: TrustDomain, hostName: string): SpiffeId {
  return `spiffe://${trustDomain}/agent/${hostName}` as SpiffeId;
}

export function agentOf(id: string): { readonly trustDomain: TrustDomain; readonly hostName: string } | undefined {
  const parsed = parseSpiffeId(id);
  if (parsed?.segments.length !== 2 || parsed.segments[0] !== "agent") return undefined;
  return { trustDomain: parsed.trustDomain, hostName: parsed.segments[1] ?? "" };
}
