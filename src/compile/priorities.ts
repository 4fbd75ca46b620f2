/**
 * Envoy's priorities: who goes first among the endpoints of a cluster. And the order of the labels that they share with a
 * caller, from the first label on: those that share all of them, those that share all but the last, and so on. Pure.
 */
import type { PriorityLabel } from "../model/traffic.ts";
import type { Answering } from "./assignments.ts";
import { compare } from "./hosts.ts";
import type { LocalityEndpoints } from "./ir.ts";
import { labelOf, type Standpoint, saysLocality } from "./standpoint.ts";

/** An endpoint of a cluster, and what orders it. */
export interface Candidate extends Answering {
  readonly stands: Standpoint;
}

/** Ranks may have gaps; Envoy's priorities have none. @param rank the lower goes first. */
export function inOrder<T>(
  all: readonly T[],
  rank: (one: T) => number,
  localities: (alike: readonly T[]) => readonly LocalityEndpoints[],
): readonly LocalityEndpoints[] {
  return [...Map.groupBy(all, rank)]
    .sort(([a], [b]) => a - b)
    .flatMap(([, alike], priority) => {
      const found = localities(alike);
      return priority === 0 ? found : found.map((one) => ({ ...one, priority }));
    })
    .sort((a, b) => compare(a.locality, b.locality));
}

/** How many of the labels an endpoint does not share with the caller: all from the first on in which they differ. */
export function unshared(labels: readonly PriorityLabel[], caller: Standpoint, endpoint: Standpoint): number {
  const at = labels.findIndex(({ name, value = labelOf(caller, name) }) => value !== labelOf(endpoint, name));
  return at < 0 ? 0 : labels.length - at;
}

/** Keys that are read of endpoints. */
export function keysOf(labels: readonly PriorityLabel[]): readonly string[] {
  return labels.map(({ name }) => name).filter((name) => !saysLocality(name));
}

/** Keys that are read of callers. */
export function callerKeysOf(labels: readonly PriorityLabel[]): readonly string[] {
  return keysOf(labels.filter(({ value }) => value === undefined));
}
