/** What is asked of a RateLimitPolicy beyond its fields. */
import { rateLimitStepMs } from "../../model/rate_limit.ts";
import type { FieldPath } from "../document/node.ts";
import type { RuleContext } from "./kind.ts";
import type { RateLimitPolicySpec } from "./rate_limit_policy.schema.ts";
import { milliseconds } from "./shared.model.ts";
import { ownServiceRules } from "./shared.rules.ts";

type Bucket = NonNullable<RateLimitPolicySpec["token_bucket"]>;

/** Of envoy.type.v3.StatusCode. */
const knownStatuses = new Set(
  [range(400, 417), [421, 422, 423, 424, 426, 428, 429, 431], range(500, 508), [510, 511]].flat(),
);

export function rateLimitPolicyRules(spec: RateLimitPolicySpec, context: RuleContext): void {
  const { tell } = context;
  ownServiceRules(spec.service, context);
  if (spec.token_bucket) bucketRules(spec.token_bucket, ["spec", "token_bucket"], context);
  if (spec.status !== undefined && !knownStatuses.has(spec.status)) {
    tell(["spec", "status"], "MSH1318", `${spec.status} is no status that Envoy knows; 429 and 503 are usual`);
  }
  if (!spec.token_bucket && !spec.limits)
    tell(["spec"], "MSH1210", "limits nothing; write token_bucket, limits or both");
  for (const [index, { path_prefix, headers, token_bucket }] of (spec.limits ?? []).entries()) {
    const path = ["spec", "limits", index];
    bucketRules(token_bucket, [...path, "token_bucket"], context);
    if (path_prefix !== undefined || headers) continue;
    tell(
      path,
      "MSH1318",
      "counts every request; write that bucket as spec.token_bucket, or add path_prefix or headers",
    );
  }
}

function bucketRules({ fill_interval }: Bucket, path: FieldPath, { tell }: RuleContext): void {
  if (milliseconds(fill_interval) % rateLimitStepMs === 0) return;
  tell([...path, "fill_interval"], "MSH1318", `must be a multiple of ${rateLimitStepMs}ms, not ${fill_interval}`);
}

function range(first: number, last: number): readonly number[] {
  return Array.from({ length: last - first + 1 }, (_, step) => first + step);
}
