/**
 * A stored resource → the model: full host names, milliseconds, parsed matches. Pure. Called where records enter a node.
 * What is stored was checked when it was applied; it is checked again, because a record may come from a newer version or
 * from other hands. A record that fails throws `invalid`: its object stays as it was last understood.
 */
import type { MeshObject, StoredResource } from "../model/object.ts";
import { WeftError } from "../platform/error.ts";
import { nodeOf, printPath } from "./document/node.ts";
import { toAuthorizationPolicy } from "./kinds/authorization_policy.model.ts";
import { authorizationPolicySchema } from "./kinds/authorization_policy.schema.ts";
import { toCircuitBreaker } from "./kinds/circuit_breaker.model.ts";
import { circuitBreakerSchema } from "./kinds/circuit_breaker.schema.ts";
import { toDestinationRule } from "./kinds/destination_rule.model.ts";
import { destinationRuleSchema } from "./kinds/destination_rule.schema.ts";
import { toFaultInjection } from "./kinds/fault_injection.model.ts";
import { faultInjectionSchema } from "./kinds/fault_injection.schema.ts";
import { toGateway } from "./kinds/gateway.model.ts";
import { gatewaySchema } from "./kinds/gateway.schema.ts";
import { toPeerAuthentication } from "./kinds/peer_authentication.model.ts";
import { peerAuthenticationSchema } from "./kinds/peer_authentication.schema.ts";
import { toRateLimitPolicy } from "./kinds/rate_limit_policy.model.ts";
import { rateLimitPolicySchema } from "./kinds/rate_limit_policy.schema.ts";
import { toSecret } from "./kinds/secret.model.ts";
import { storedSecretSchema } from "./kinds/secret.schema.ts";
import { toServiceEntry } from "./kinds/service_entry.model.ts";
import { serviceEntrySchema } from "./kinds/service_entry.schema.ts";
import { toSidecar } from "./kinds/sidecar.model.ts";
import { sidecarSchema } from "./kinds/sidecar.schema.ts";
import { toTelemetry } from "./kinds/telemetry.model.ts";
import { telemetrySchema } from "./kinds/telemetry.schema.ts";
import { toTrafficPolicy } from "./kinds/traffic_policy.model.ts";
import { trafficPolicySchema } from "./kinds/traffic_policy.schema.ts";
import { toVirtualService } from "./kinds/virtual_service.model.ts";
import { virtualServiceSchema } from "./kinds/virtual_service.schema.ts";
import { toWorkloadEntry } from "./kinds/workload_entry.model.ts";
import { workloadEntrySchema } from "./kinds/workload_entry.schema.ts";
import { problemCodes } from "./problem_codes.ts";
import { type Tell, validate } from "./validate.ts";

export function toModel({ resource, createdAtMs }: StoredResource): MeshObject {
  const { kind } = resource;
  const { name, namespace } = resource.metadata;
  const owner = { name, namespace, createdAt: createdAtMs };
  let because = "its spec is not of its kind";
  const tell: Tell = (path, code, message) => {
    if (problemCodes[code].severity === "error") because = `${printPath(path)}: ${message} (${code})`;
  };
  const node = nodeOf(resource.spec);
  const at = { path: ["spec"], tell };
  const refuse = (): never => {
    const attempted = `read ${kind} ${namespace}/${name} from the store`;
    throw new WeftError({ code: "invalid", retry: "never", attempted, because, next: "apply the object again" });
  };
  switch (kind) {
    case "VirtualService":
      return { kind, ...toVirtualService(validate(virtualServiceSchema, node, at) ?? refuse(), owner) };
    case "DestinationRule":
      return { kind, ...toDestinationRule(validate(destinationRuleSchema, node, at) ?? refuse(), owner) };
    case "ServiceEntry":
      return { kind, ...toServiceEntry(validate(serviceEntrySchema, node, at) ?? refuse(), owner) };
    case "WorkloadEntry":
      return { kind, ...toWorkloadEntry(validate(workloadEntrySchema, node, at) ?? refuse(), owner) };
    case "Sidecar":
      return { kind, ...toSidecar(validate(sidecarSchema, node, at) ?? refuse(), owner) };
    case "Gateway":
      return { kind, ...toGateway(validate(gatewaySchema, node, at) ?? refuse(), owner) };
    case "PeerAuthentication":
      return { kind, ...toPeerAuthentication(validate(peerAuthenticationSchema, node, at) ?? refuse(), owner) };
    case "AuthorizationPolicy":
      return { kind, ...toAuthorizationPolicy(validate(authorizationPolicySchema, node, at) ?? refuse(), owner) };
    case "CircuitBreaker":
      return { kind, ...toCircuitBreaker(validate(circuitBreakerSchema, node, at) ?? refuse(), owner) };
    case "TrafficPolicy":
      return { kind, ...toTrafficPolicy(validate(trafficPolicySchema, node, at) ?? refuse(), owner) };
    case "FaultInjection":
      return { kind, ...toFaultInjection(validate(faultInjectionSchema, node, at) ?? refuse(), owner) };
    case "RateLimitPolicy":
      return { kind, ...toRateLimitPolicy(validate(rateLimitPolicySchema, node, at) ?? refuse(), owner) };
    case "Telemetry":
      return { kind, ...toTelemetry(validate(telemetrySchema, node, at) ?? refuse(), owner) };
    case "Secret":
      return { kind, ...toSecret(validate(storedSecretSchema, node, at) ?? refuse(), owner) };
  }
}
