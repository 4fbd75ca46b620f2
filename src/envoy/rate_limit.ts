/** Rate limits → Envoy's descriptors: a route says which of the table's limits count a request, by their places. */
import { HeaderValueOption_HeaderAppendAction as Append } from "#envoy/envoy/config/core/v3/base_pb.js";
import type { RateLimitSchema } from "#envoy/envoy/config/route/v3/route_components_pb.js";
import { XRateLimitHeadersRFCVersion } from "#envoy/envoy/extensions/common/ratelimit/v3/ratelimit_pb.js";
import type { LocalRateLimitSchema } from "#envoy/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.js";
import type { TokenBucketSchema } from "#envoy/envoy/type/v3/token_bucket_pb.js";
import type { RouteHeaderMatch } from "../compile/ir.ts";
import { type RateLimit, rateLimitStepMs, type TokenBucket } from "../model/rate_limit.ts";
import { duration, fraction, type Init } from "./any.ts";
import { headerMatcher } from "./matchers.ts";

export const statPrefix = "rate_limit";
const key = "limit";

/** Envoy wants one for requests that no limit counts. */
const withoutLimit: TokenBucket = {
  maxTokens: 2 ** 32 - 1,
  tokensPerFill: 2 ** 32 - 1,
  fillIntervalMs: rateLimitStepMs,
};

export function localRateLimit({ limits, ...answer }: RateLimit): Init<typeof LocalRateLimitSchema> {
  return {
    statPrefix,
    status: { code: answer.status },
    tokenBucket: bucketInit(withoutLimit),
    filterEnabled: { defaultValue: fraction(100) },
    filterEnforced: { defaultValue: fraction(100) },
    descriptors: limits.map(({ bucket }, place) => ({
      entries: [{ key, value: String(place) }],
      tokenBucket: bucketInit(bucket),
    })),
    responseHeadersToAdd: Object.entries(answer.responseHeaders).map(([name, value]) => ({
      header: { key: name, value },
      appendAction: Append.OVERWRITE_IF_EXISTS_OR_ADD,
    })),
    ...(answer.tellsLeft ? { enableXRatelimitHeaders: XRateLimitHeadersRFCVersion.DRAFT_VERSION_03 } : {}),
    // UNAVAILABLE, Envoy's own, would be sent again by callers.
    rateLimitedAsResourceExhausted: true,
  };
}

/** @param counts the matches of each limit */
export function rateLimitActions(counts: readonly (readonly RouteHeaderMatch[])[]): Init<typeof RateLimitSchema>[] {
  return counts.map((matches, place) => {
    const descriptorValue = String(place);
    const everyRequest = { case: "genericKey", value: { descriptorKey: key, descriptorValue } } as const;
    const headers = matches.map(headerMatcher);
    const some = { case: "headerValueMatch", value: { descriptorKey: key, descriptorValue, headers } } as const;
    return { actions: [{ actionSpecifier: matches.length === 0 ? everyRequest : some }] };
  });
}

function bucketInit({ maxTokens, tokensPerFill, fillIntervalMs }: TokenBucket): Init<typeof TokenBucketSchema> {
  return { maxTokens, tokensPerFill, fillInterval: duration(fillIntervalMs) };
}
