/**
 * How many requests a workload takes. Without limits in the chain; they come with the route table, so that they hold on
 * open connections too.
 */
import { LocalRateLimitSchema } from "#envoy/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit_pb.js";
import { packed } from "../any.ts";
import { localRateLimit, statPrefix } from "../rate_limit.ts";
import type { HttpFilterFile } from "./filter.ts";

export const httpLocalRateLimit: HttpFilterFile = {
  name: "envoy.filters.http.local_ratelimit",
  chain: ({ role }) => (role === "inbound" ? packed(LocalRateLimitSchema, { statPrefix }) : undefined),
  table: ({ rateLimit }) => rateLimit && packed(LocalRateLimitSchema, localRateLimit(rateLimit)),
};
