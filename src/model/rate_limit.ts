/** How many requests a service takes: a RateLimitPolicy after parsing. Counted by each of its proxies for itself. */
import type { OfService } from "./plain_words.ts";

/** A request takes a token; without one it is refused. */
export interface TokenBucket {
  /** It begins full. */
  readonly maxTokens: number;
  readonly tokensPerFill: number;
  /** A multiple of rateLimitStepMs. */
  readonly fillIntervalMs: number;
}

/** Envoy fills no oftener, and wants the intervals of one configuration to be multiples of each other. */
export const rateLimitStepMs = 50;

/** Counts the requests that all of it matches; with neither path nor headers, all. */
export interface Limit {
  readonly pathPrefix?: string;
  /** By name in lower case, the whole value. */
  readonly headers: Readonly<Record<string, string>>;
  readonly bucket: TokenBucket;
}

export interface RateLimit {
  /** A request needs a token of each that counts it. */
  readonly limits: readonly Limit[];
  /** 400 to 599 */
  readonly status: number;
  /** Of the answer to a request that is refused. */
  readonly responseHeaders: Readonly<Record<string, string>>;
  /** Answers say in x-ratelimit-* how many tokens are left. */
  readonly tellsLeft: boolean;
}

export interface RateLimitPolicy extends OfService {
  readonly limit: RateLimit;
}
