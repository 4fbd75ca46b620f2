/**
 * Which endpoints of one cluster are in force when some stand on hosts that have gone silent (actors/kinds/host_sessions).
 * A silent host's endpoints are left out, but
 *   - never the last healthy ones: a silent host may serve, nobody certainly does not;
 *   - not those of hosts that went lately when they are more than half of the cluster, and at least
 *     limits.hostsTogetherLeast: what is left would have to carry it all, on the word of silence alone.
 * And which of those are healthy: an endpoint that other hosts cannot reach (actors/kinds/service_verdicts) is not, unless
 * more than half of the cluster would be so, or no healthy one would be left. Pure.
 */
import type { Health } from "../model/endpoint.ts";
import { limits } from "../platform/limits.ts";

/** How long the host has been taken for silent: lately, or for so long that it counts for nothing any more. */
export type Silent = "lately" | "long";

export interface Withholdable {
  readonly health: Health;
  readonly weight: number;
  readonly silent?: Silent;
}

export interface InForce<T> {
  readonly endpoints: readonly T[];
  /** Why endpoints of silent hosts are among them. */
  readonly because?: "the last" | "too many";
}

export function inForce<T extends Withholdable>(endpoints: readonly T[]): InForce<T> {
  const speaking = endpoints.filter(({ silent }) => silent === undefined);
  if (speaking.length === endpoints.length) return { endpoints };
  if (!speaking.some(serves)) return { endpoints, because: "the last" };
  const present = endpoints.filter(({ silent }) => silent !== "long");
  const lately = present.length - speaking.length;
  if (lately >= limits.hostsTogetherLeast && lately > present.length * limits.hostsTogetherShare) {
    return { endpoints: present, because: "too many" };
  }
  return { endpoints: speaking };
}

/** @param isUnreachable by what other hosts found. */
export function judged<T extends Withholdable>(
  endpoints: readonly T[],
  isUnreachable: (one: T) => boolean,
): readonly T[] {
  const condemned = new Set(endpoints.filter((one) => one.health === "healthy" && isUnreachable(one)));
  const left = endpoints.filter((one) => !condemned.has(one));
  if (condemned.size === 0 || condemned.size > endpoints.length / 2 || !left.some(serves)) return endpoints;
  return endpoints.map((one) => (condemned.has(one) ? { ...one, health: "unhealthy" } : one));
}

function serves({ health, weight }: Withholdable): boolean {
  return health === "healthy" && weight > 0;
}
