/** What is asked of a TrafficPolicy beyond its fields. */
import type { RuleContext } from "./kind.ts";
import { ownServiceRules, sayingRules } from "./shared.rules.ts";
import { type TrafficPolicySpec, trafficPolicySchema } from "./traffic_policy.schema.ts";

export function trafficPolicyRules(spec: TrafficPolicySpec, context: RuleContext): void {
  ownServiceRules(spec.service, context);
  sayingRules(spec, trafficPolicySchema, context);
  if (spec.health_check) checkRules(spec.health_check, context);
}

function checkRules(
  { protocol = "http", path, grpc_service }: NonNullable<TrafficPolicySpec["health_check"]>,
  { tell }: RuleContext,
): void {
  const at = ["spec", "health_check"];
  if (protocol === "http" && path === undefined) tell(at, "MSH1317", "asks by HTTP: write its path, such as /healthz");
  if (protocol !== "http" && path !== undefined) tell([...at, "path"], "MSH1317", `is for http, not for ${protocol}`);
  if (protocol !== "grpc" && grpc_service !== undefined) {
    tell([...at, "grpc_service"], "MSH1317", `is for grpc, not for ${protocol}`);
  }
}
