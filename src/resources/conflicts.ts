/**
 * Two objects that speak for one host: told to each, with the other's place and which of them is heard. In the mesh one
 * VirtualService holds for a host: the one that names it before a wildcard's, then the older. A gateway reads those of
 * one host one after the other. DestinationRules of one namespace are read as one. Called by analyze.ts.
 */
import { covers } from "../model/host_pattern.ts";
import type { MeshObject } from "../model/object.ts";
import type { DestinationRule } from "../model/traffic.ts";
import type { FieldPath } from "./document/node.ts";

type Router = Extract<MeshObject, { readonly kind: "VirtualService" }>;

/** @returns an object as it is told: its name, and where it stands. */
export type Naming = (object: MeshObject) => string;

export interface Conflict {
  readonly path: FieldPath;
  readonly code: "MSH1405" | "MSH1406" | "MSH1409" | "MSH1410";
  readonly message: string;
}

export function routerConflicts(router: Router, others: readonly Router[], naming: Naming): readonly Conflict[] {
  const rivals = others.filter(
    (other) =>
      areOfOneKind(router, other) && meet(other.exportTo, router.exportTo) && placesOf(router, other).length > 0,
  );
  return [
    ...rivals.flatMap((other) => sameHost(router, other, naming)),
    ...router.hosts.flatMap((host, index) => [
      ...wider({ host, index }, rivals, naming),
      ...narrower({ host, index }, rivals, naming),
    ]),
  ];
}

/** A host's connections are no rivals of its requests. */
function areOfOneKind(left: Router, right: Router): boolean {
  return (["http", "tls", "tcp"] as const).some((kind) => left[kind].length > 0 && right[kind].length > 0);
}

function sameHost(router: Router, other: Router, naming: Naming): readonly Conflict[] {
  const host = router.hosts.find((one) => other.hosts.includes(one));
  if (host === undefined) return [];
  const path = ["spec", "hosts", router.hosts.indexOf(host)];
  const first = isBefore(router, other);
  return placesOf(router, other).map((place) =>
    place === "mesh"
      ? {
          path,
          code: "MSH1405",
          message: `${host} is routed by ${naming(other)} too, which is ${first ? "newer and not heard" : "older and wins"}; merge the two`,
        }
      : {
          path,
          code: "MSH1409",
          message: `${host} is routed at gateway ${place} by ${naming(other)} too, whose routes come ${first ? "after" : "before"} these; keep their matches apart, or merge the two`,
        },
  );
}

interface At {
  readonly host: string;
  readonly index: number;
}

/** "*" is for what nobody else names: to be under it is no surprise. */
function isWildcard(host: string): boolean {
  return host.startsWith("*.");
}

/** The wildcards that do not hold for this host, because it is named here. */
function wider({ host, index }: At, rivals: readonly Router[], naming: Naming): readonly Conflict[] {
  return rivals.flatMap((other) => {
    const pattern = other.hosts.find((one) => one !== host && isWildcard(one) && covers(one, host));
    if (pattern === undefined) return [];
    const message = `${host} is under ${pattern} of ${naming(other)}, whose routes do not hold for it; what both are for stands in both`;
    return [{ path: ["spec", "hosts", index], code: "MSH1410", message }];
  });
}

/** The hosts under this wildcard that it does not hold for; one is named, so that a thousand are one warning. */
function narrower({ host, index }: At, rivals: readonly Router[], naming: Naming): readonly Conflict[] {
  if (!isWildcard(host)) return [];
  const found = rivals.flatMap((other) =>
    other.hosts.filter((one) => one !== host && covers(host, one)).map((one) => ({ one, other })),
  );
  const [first] = found;
  if (!first) return [];
  const more = found.length > 1 ? `, nor for ${found.length - 1} more` : "";
  const message = `${host} does not hold for ${first.one}, which ${naming(first.other)} routes${more}; what both are for stands in both`;
  return [{ path: ["spec", "hosts", index], code: "MSH1410", message }];
}

export function ruleConflicts(
  rule: MeshObject & DestinationRule,
  others: readonly (MeshObject & DestinationRule)[],
  naming: Naming,
): readonly Conflict[] {
  const rivals = others.filter((other) => other.host === rule.host && meet(other.exportTo, rule.exportTo));
  return rivals.map((other) => {
    const how =
      other.namespace === rule.namespace
        ? `the two are read as one, and of what both say ${isBefore(rule, other) ? "this" : "that"} one holds; merge them`
        : "callers take the rule of their own namespace, else of the service's, else of the root namespace";
    return { path: ["spec", "host"], code: "MSH1406", message: `${rule.host} has ${naming(other)} too: ${how}` };
  });
}

/** Where both apply: gateways and the mesh. */
function placesOf(left: Router, right: Router): readonly string[] {
  return left.gateways.filter((gateway) => right.gateways.includes(gateway));
}

export function meet(left: readonly string[], right: readonly string[]): boolean {
  return left.includes("*") || right.includes("*") || left.some((namespace) => right.includes(namespace));
}

type Aged = Pick<Router, "createdAt" | "name" | "namespace">;

/** The older; names decide between twins, as they do when the mesh is compiled. */
function isBefore(left: Aged, right: Aged): boolean {
  if (left.createdAt !== right.createdAt) return left.createdAt < right.createdAt;
  return left.name === right.name ? left.namespace < right.namespace : left.name < right.name;
}
