/**
 * What callers find under one host: a service that the endpoints stream tells of, or what ServiceEntries declare. From here
 * on both are treated alike: rules, routes, clusters and endpoints are a destination's. Pure.
 */
import type { SpiffeId } from "../model/identity.ts";
import type { Namespace } from "../model/names.ts";
import { compare } from "./hosts.ts";
import type { MergedService } from "./merge.ts";

/** How its endpoints are found: they are given; their names are asked of DNS; the Host of each request is. */
export type Reach = "endpoints" | "names" | "first-of-name" | "host";

export interface Destination extends MergedService {
  /** Whose policies hold for it. */
  readonly namespace: Namespace;
  readonly reach: Reach;
  /** Whether it is a service that the endpoints stream tells of. */
  readonly registered: boolean;
  /** Virtual addresses that a Host may name instead. */
  readonly addresses: readonly string[];
  /** Who may answer besides its endpoints' identities. */
  readonly servers: readonly SpiffeId[];
}

/** What stays the same while endpoints come and go. */
export type Declared = Pick<Destination, "namespace" | "reach" | "registered" | "ports" | "addresses">;

export interface Accepted {
  /** Whether any endpoint takes the mesh's mTLS. */
  readonly mutual: boolean;
  /** Sorted. */
  readonly ids: readonly SpiffeId[];
}

/** What one subset of one view selects, as a key. */
export interface SubsetKey {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** The destination itself. */
export const wholeDestination: SubsetKey = { name: "", labels: {} };

const none: readonly never[] = [];

export function serviceDestination(namespace: Namespace, merged: MergedService): Destination {
  return { ...merged, namespace, reach: "endpoints", registered: true, addresses: none, servers: none };
}

export function declaredOf({ namespace, reach, registered, ports, addresses }: Destination): Declared {
  return { namespace, reach, registered, ports, addresses };
}

export function acceptedOf({ endpoints, servers }: Pick<Destination, "endpoints" | "servers">): Accepted {
  const own = endpoints.flatMap(({ identity }) => identity ?? []);
  return { mutual: own.length > 0, ids: [...new Set([...own, ...servers])].sort(compare) };
}
