/**
 * The route table of a namespace's callers: every service, every name that exists by a VirtualService, and the rest.
 * Pure; the virtual hosts come ready-made, shared with other namespaces' tables.
 */
import type { Namespace } from "../model/names.ts";
import { isPublic, isVisible } from "../model/visibility.ts";
import type { RouteTableItem, VirtualHost } from "./ir.ts";
import { outboundName } from "./naming.ts";
import { type Scope, sees } from "./scope.ts";

/** A VirtualService that speaks for a host to the mesh. */
export interface Candidate {
  /** objectKey */
  readonly key: string;
  readonly namespace: Namespace;
  /** Its host, which may be a wildcard over the service's. */
  readonly host: string;
  readonly exportTo: readonly string[];
  /** Which routes it has. One without any of a kind leaves that kind to the next. */
  readonly http: boolean;
  readonly tcp: boolean;
}

export interface Viewer {
  /** undefined: any that nothing is shown to in particular. */
  readonly namespace: Namespace | undefined;
  /** What a Sidecar leaves of it. */
  readonly scope: Scope | undefined;
}

/** The first with HTTP routes that the viewer sees. @param candidates the most specific host first, then the older. */
export function candidateFor(candidates: readonly Candidate[], viewer: Viewer): Candidate | undefined {
  return candidates.find((candidate) => candidate.http && isSeen(viewer, candidate));
}

/** Those with TCP routes, in order: one may have none for a port. */
export function tcpCandidatesFor(candidates: readonly Candidate[], viewer: Viewer): readonly Candidate[] {
  return candidates.filter((candidate) => candidate.tcp && isSeen(viewer, candidate));
}

function isSeen({ namespace, scope }: Viewer, { exportTo, host, namespace: owner }: Candidate): boolean {
  const visible = namespace === undefined ? isPublic(exportTo) : isVisible(exportTo, namespace);
  return visible && (!scope || sees(scope, owner, host));
}

/** @param virtualHosts services' first: a domain that is said twice stays with who said it first, since Envoy refuses both */
export function outboundTable(virtualHosts: readonly VirtualHost[]): RouteTableItem {
  const taken = new Set<string>();
  const kept = virtualHosts.flatMap((virtualHost) => {
    const free = virtualHost.domains.filter((domain) => !taken.has(domain));
    for (const domain of free) taken.add(domain);
    if (free.length === virtualHost.domains.length) return virtualHost;
    return free.length === 0 ? [] : { ...virtualHost, domains: free };
  });
  return { type: "route", name: outboundName, anyPort: false, virtualHosts: kept };
}
