/** A service's rate limit, in the words of its proxies' route tables. Pure. */
import type { Limit, RateLimit, RateLimitPolicy } from "../model/rate_limit.ts";
import { byAge } from "./hosts.ts";
import type { RouteHeaderMatch } from "./ir.ts";

/** The older holds. @param policies all for the service, in any order */
export function rateLimitOf(policies: readonly RateLimitPolicy[]): RateLimit | undefined {
  return [...policies].sort(byAge)[0]?.limit;
}

export function countedBy({ limits }: RateLimit): readonly (readonly RouteHeaderMatch[])[] {
  return limits.map(matchesOf);
}

function matchesOf({ pathPrefix, headers }: Limit): readonly RouteHeaderMatch[] {
  const path = pathPrefix === undefined ? [] : [[":path", { kind: "prefix", value: pathPrefix }] as const];
  const named = Object.entries(headers).map(([name, value]) => [name, { kind: "exact", value }] as const);
  return [...path, ...named].map(([name, match]) => ({ name, match, invert: false }));
}
