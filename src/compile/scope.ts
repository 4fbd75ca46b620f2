/**
 * Which Sidecar holds for a caller, and what it lets the caller see. One with a selector goes before the namespace's, that
 * before the root namespace's; among equals the older. What it leaves open, the next wider one decides. Pure.
 */
import { type Namespace, rootNamespace } from "../model/names.ts";
import type { EgressHosts, Sidecar } from "../model/sidecar.ts";
import type { OutboundTrafficPolicy } from "../model/traffic.ts";
import { hasLabels } from "./assignments.ts";
import { byAge, narrower } from "./hosts.ts";

/** Whose configuration a Sidecar narrows. */
export interface Caller {
  readonly namespace: Namespace;
  readonly labels: Readonly<Record<string, string>>;
}

/** One way to see the mesh; callers of one namespace that are alike in Sidecars, and in labels that routes ask for, share it. */
export interface Scope {
  readonly namespace: Namespace;
  /** Those that routes ask for. */
  readonly labels: Readonly<Record<string, string>>;
  /** Absent: everything. */
  readonly egress?: readonly EgressHosts[];
  /** Absent: the mesh's. */
  readonly outboundTrafficPolicy?: OutboundTrafficPolicy;
}

/** Those that may hold in a namespace: its own, and the root namespace's. */
export interface Sidecars {
  readonly own: readonly Sidecar[];
  readonly root: readonly Sidecar[];
}

/** Those that hold, the narrowest first. */
export function sidecarsFor({ own, root }: Sidecars, { namespace, labels }: Caller): readonly Sidecar[] {
  const eldest = (all: readonly Sidecar[], fits: (sidecar: Sidecar) => boolean): readonly Sidecar[] =>
    all.filter(fits).sort(byAge).slice(0, 1);
  const wide = ({ selector }: Sidecar): boolean => selector === undefined;
  const selecting = ({ selector }: Sidecar): boolean => selector !== undefined && hasLabels(labels, selector.labels);
  return [...eldest(own, selecting), ...eldest(own, wide), ...(namespace === rootNamespace ? [] : eldest(root, wide))];
}

/** Or else of the way in alone, and the next wider one decides. */
export function saysOfEgress({ egress, outboundTrafficPolicy }: Sidecar): boolean {
  return egress !== undefined || outboundTrafficPolicy !== undefined;
}

/** Names a scope of a namespace; "": its callers see what all of the namespace do. */
export type ScopeName = string;

/** Of the Sidecars that hold, and the labels that routes ask for. Neither names nor labels have "+", "?", "&" or "=". */
export function scopeName(sidecars: readonly Sidecar[], labels: Readonly<Record<string, string>>): ScopeName {
  const asked = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return sidecars.map(sidecarName).join("+") + (asked.length > 0 ? `?${asked.join("&")}` : "");
}

/** The inverse. */
export function partsOf(name: ScopeName): {
  readonly sidecars: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
} {
  const [sidecars = "", labels = ""] = name.split("?");
  const pairs = labels.split("&").flatMap((pair): [string, string][] => {
    const [key = "", value = ""] = pair.split("=");
    return key === "" ? [] : [[key, value]];
  });
  return { sidecars: sidecars === "" ? [] : sidecars.split("+"), labels: Object.fromEntries(pairs) };
}

export function sidecarName({ namespace, name }: Sidecar): string {
  return `${namespace}.${name}`;
}

export function scopeUnder(
  sidecars: readonly Sidecar[],
  { namespace, labels }: { readonly namespace: Namespace; readonly labels: Readonly<Record<string, string>> },
): Scope {
  const egress = sidecars.find((sidecar) => sidecar.egress)?.egress;
  const outboundTrafficPolicy = sidecars.find((sidecar) => sidecar.outboundTrafficPolicy)?.outboundTrafficPolicy;
  return {
    namespace,
    labels,
    ...(egress ? { egress } : {}),
    ...(outboundTrafficPolicy ? { outboundTrafficPolicy } : {}),
  };
}

/** Whether what is under the host, or some of what a wildcard means, may be reached; or routes for it have a say. */
export function sees({ egress, namespace: own }: Scope, namespace: Namespace, host: string): boolean {
  return !egress || egress.some((hosts) => isOf(hosts, { own, namespace }) && narrower(hosts.host, host) !== undefined);
}

function isOf({ namespace: of }: EgressHosts, { own, namespace }: { own: Namespace; namespace: Namespace }): boolean {
  return of === "*" || (of === "." ? own : of) === namespace;
}
