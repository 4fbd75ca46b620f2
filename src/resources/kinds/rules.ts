/**
 * What a kind asks beyond its fields: what Istio's validation refuses (errors), and what is allowed and surely not meant
 * (warnings). Pure; each looks at one object alone. References between objects are analyze.ts's.
 */

import type { ObjectKind } from "../../model/object.ts";
import type { Node } from "../document/node.ts";
import { validate } from "../validate.ts";
import { authorizationPolicyRules } from "./authorization_policy.rules.ts";
import { authorizationPolicySchema } from "./authorization_policy.schema.ts";
import { circuitBreakerRules } from "./circuit_breaker.rules.ts";
import { circuitBreakerSchema } from "./circuit_breaker.schema.ts";
import { destinationRuleRules } from "./destination_rule.rules.ts";
import { destinationRuleSchema } from "./destination_rule.schema.ts";
import { faultInjectionRules } from "./fault_injection.rules.ts";
import { faultInjectionSchema } from "./fault_injection.schema.ts";
import { gatewayRules } from "./gateway.rules.ts";
import { gatewaySchema } from "./gateway.schema.ts";
import type { RuleContext } from "./kind.ts";
import { peerAuthenticationRules } from "./peer_authentication.rules.ts";
import { peerAuthenticationSchema } from "./peer_authentication.schema.ts";
import { rateLimitPolicyRules } from "./rate_limit_policy.rules.ts";
import { rateLimitPolicySchema } from "./rate_limit_policy.schema.ts";
import { serviceEntryRules } from "./service_entry.rules.ts";
import { serviceEntrySchema } from "./service_entry.schema.ts";
import { sidecarRules } from "./sidecar.rules.ts";
import { sidecarSchema } from "./sidecar.schema.ts";
import { telemetryRules } from "./telemetry.rules.ts";
import { telemetrySchema } from "./telemetry.schema.ts";
import { trafficPolicyRules } from "./traffic_policy.rules.ts";
import { trafficPolicySchema } from "./traffic_policy.schema.ts";
import { virtualServiceRules } from "./virtual_service.rules.ts";
import { virtualServiceSchema } from "./virtual_service.schema.ts";
import { workloadEntryRules } from "./workload_entry.rules.ts";
import { workloadEntrySchema } from "./workload_entry.schema.ts";

/** The spec by its kind's schema and rules. A Secret has none (secret.rules.ts). undefined: something is wrong, and told. */
export function checkSpec(
  kind: Exclude<ObjectKind, "Secret">,
  node: Node,
  context: RuleContext,
): Readonly<Record<string, unknown>> | undefined {
  const at = { path: ["spec"], tell: context.tell };
  switch (kind) {
    case "VirtualService": {
      const spec = validate(virtualServiceSchema, node, at);
      if (spec) virtualServiceRules(spec, context);
      return spec;
    }
    case "DestinationRule": {
      const spec = validate(destinationRuleSchema, node, at);
      if (spec) destinationRuleRules(spec, context);
      return spec;
    }
    case "ServiceEntry": {
      const spec = validate(serviceEntrySchema, node, at);
      if (spec) serviceEntryRules(spec, context);
      return spec;
    }
    case "WorkloadEntry": {
      const spec = validate(workloadEntrySchema, node, at);
      if (spec) workloadEntryRules(spec, context);
      return spec;
    }
    case "Sidecar": {
      const spec = validate(sidecarSchema, node, at);
      if (spec) sidecarRules(spec, context);
      return spec;
    }
    case "Gateway": {
      const spec = validate(gatewaySchema, node, at);
      if (spec) gatewayRules(spec, context);
      return spec;
    }
    case "PeerAuthentication": {
      const spec = validate(peerAuthenticationSchema, node, at);
      if (spec) peerAuthenticationRules(spec, context);
      return spec;
    }
    case "AuthorizationPolicy": {
      const spec = validate(authorizationPolicySchema, node, at);
      if (spec) authorizationPolicyRules(spec, context);
      return spec;
    }
    case "CircuitBreaker": {
      const spec = validate(circuitBreakerSchema, node, at);
      if (spec) circuitBreakerRules(spec, context);
      return spec;
    }
    case "TrafficPolicy": {
      const spec = validate(trafficPolicySchema, node, at);
      if (spec) trafficPolicyRules(spec, context);
      return spec;
    }
    case "FaultInjection": {
      const spec = validate(faultInjectionSchema, node, at);
      if (spec) faultInjectionRules(spec, context);
      return spec;
    }
    case "RateLimitPolicy": {
      const spec = validate(rateLimitPolicySchema, node, at);
      if (spec) rateLimitPolicyRules(spec, context);
      return spec;
    }
    case "Telemetry": {
      const spec = validate(telemetrySchema, node, at);
      if (spec) telemetryRules(spec, context);
      return spec;
    }
  }
}
