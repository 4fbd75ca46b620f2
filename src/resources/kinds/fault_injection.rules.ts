/** What is asked of a FaultInjection beyond its fields. */
import { type FaultInjectionSpec, faultInjectionSchema } from "./fault_injection.schema.ts";
import type { RuleContext } from "./kind.ts";
import { ownServiceRules, sayingRules } from "./shared.rules.ts";

export function faultInjectionRules(spec: FaultInjectionSpec, context: RuleContext): void {
  ownServiceRules(spec.service, context);
  sayingRules(spec, faultInjectionSchema, context);
}
