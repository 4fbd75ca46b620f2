/** What is asked of a CircuitBreaker beyond its fields. */
import { type CircuitBreakerSpec, circuitBreakerSchema } from "./circuit_breaker.schema.ts";
import type { RuleContext } from "./kind.ts";
import { ownServiceRules, sayingRules } from "./shared.rules.ts";

export function circuitBreakerRules(spec: CircuitBreakerSpec, context: RuleContext): void {
  ownServiceRules(spec.service, context);
  sayingRules(spec, circuitBreakerSchema, context);
}
