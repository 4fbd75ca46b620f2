/** RateLimitPolicy → model. */
import type { Limit, RateLimitPolicy, TokenBucket } from "../../model/rate_limit.ts";
import type { RateLimitPolicySpec } from "./rate_limit_policy.schema.ts";
import { milliseconds, type Owner, serviceNamed } from "./shared.model.ts";

const tooManyRequests = 429;

export function toRateLimitPolicy(spec: RateLimitPolicySpec, owner: Owner): RateLimitPolicy {
  const { service, token_bucket, limits, status, response_headers, rate_limit_headers } = spec;
  const everything: readonly Limit[] = token_bucket ? [{ headers: {}, bucket: bucketOf(token_bucket) }] : [];
  return {
    ...owner,
    service: serviceNamed(service, owner),
    limit: {
      limits: [...everything, ...(limits ?? []).map(limitOf)],
      status: status ?? tooManyRequests,
      responseHeaders: response_headers ?? {},
      tellsLeft: rate_limit_headers ?? false,
    },
  };
}

function limitOf({ path_prefix, headers, token_bucket }: NonNullable<RateLimitPolicySpec["limits"]>[number]): Limit {
  const named = Object.entries(headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]);
  return {
    ...(path_prefix === undefined ? {} : { pathPrefix: path_prefix }),
    headers: Object.fromEntries(named),
    bucket: bucketOf(token_bucket),
  };
}

function bucketOf(bucket: NonNullable<RateLimitPolicySpec["token_bucket"]>): TokenBucket {
  const { max_tokens, tokens_per_fill, fill_interval } = bucket;
  return {
    maxTokens: max_tokens,
    tokensPerFill: tokens_per_fill ?? max_tokens,
    fillIntervalMs: milliseconds(fill_interval),
  };
}
