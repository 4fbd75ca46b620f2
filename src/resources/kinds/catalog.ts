/** The kinds that a user applies, and those that the mesh registers by itself. */
import type { ObjectKind } from "../../model/object.ts";
import { authorizationPolicySchema } from "./authorization_policy.schema.ts";
import { circuitBreakerSchema } from "./circuit_breaker.schema.ts";
import { destinationRuleSchema } from "./destination_rule.schema.ts";
import { faultInjectionSchema } from "./fault_injection.schema.ts";
import { gatewaySchema } from "./gateway.schema.ts";
import { type Area, domains, type Kind, type KindNames, preferredVersion, versions } from "./kind.ts";
import { peerAuthenticationSchema } from "./peer_authentication.schema.ts";
import { rateLimitPolicySchema } from "./rate_limit_policy.schema.ts";
import { secretSchema } from "./secret.schema.ts";
import { serviceEntrySchema } from "./service_entry.schema.ts";
import { sidecarSchema } from "./sidecar.schema.ts";
import { telemetrySchema } from "./telemetry.schema.ts";
import { trafficPolicySchema } from "./traffic_policy.schema.ts";
import { virtualServiceSchema } from "./virtual_service.schema.ts";
import { workloadEntrySchema } from "./workload_entry.schema.ts";

export const kinds: Readonly<Record<ObjectKind, Kind>> = {
  VirtualService: {
    kind: "VirtualService",
    singular: "virtualservice",
    plural: "virtualservices",
    short: "vs",
    area: "networking",
    schema: virtualServiceSchema,
  },
  DestinationRule: {
    kind: "DestinationRule",
    singular: "destinationrule",
    plural: "destinationrules",
    short: "dr",
    area: "networking",
    schema: destinationRuleSchema,
  },
  ServiceEntry: {
    kind: "ServiceEntry",
    singular: "serviceentry",
    plural: "serviceentries",
    short: "se",
    area: "networking",
    schema: serviceEntrySchema,
  },
  WorkloadEntry: {
    kind: "WorkloadEntry",
    singular: "workloadentry",
    plural: "workloadentries",
    short: "we",
    area: "networking",
    schema: workloadEntrySchema,
  },
  Sidecar: {
    kind: "Sidecar",
    singular: "sidecar",
    plural: "sidecars",
    short: "sc",
    area: "networking",
    schema: sidecarSchema,
  },
  Gateway: {
    kind: "Gateway",
    singular: "gateway",
    plural: "gateways",
    short: "gw",
    area: "networking",
    schema: gatewaySchema,
  },
  PeerAuthentication: {
    kind: "PeerAuthentication",
    singular: "peerauthentication",
    plural: "peerauthentications",
    short: "pa",
    area: "security",
    schema: peerAuthenticationSchema,
  },
  AuthorizationPolicy: {
    kind: "AuthorizationPolicy",
    singular: "authorizationpolicy",
    plural: "authorizationpolicies",
    short: "ap",
    area: "security",
    schema: authorizationPolicySchema,
  },
  CircuitBreaker: {
    kind: "CircuitBreaker",
    singular: "circuitbreaker",
    plural: "circuitbreakers",
    short: "cb",
    area: "networking",
    schema: circuitBreakerSchema,
    own: true,
  },
  TrafficPolicy: {
    kind: "TrafficPolicy",
    singular: "trafficpolicy",
    plural: "trafficpolicies",
    short: "tp",
    area: "networking",
    schema: trafficPolicySchema,
    own: true,
  },
  FaultInjection: {
    kind: "FaultInjection",
    singular: "faultinjection",
    plural: "faultinjections",
    short: "fi",
    area: "networking",
    schema: faultInjectionSchema,
    own: true,
  },
  RateLimitPolicy: {
    kind: "RateLimitPolicy",
    singular: "ratelimitpolicy",
    plural: "ratelimitpolicies",
    short: "rlp",
    area: "networking",
    schema: rateLimitPolicySchema,
    own: true,
  },
  Telemetry: {
    kind: "Telemetry",
    singular: "telemetry",
    plural: "telemetries",
    short: "tm",
    area: "telemetry",
    schema: telemetrySchema,
  },
  Secret: {
    kind: "Secret",
    singular: "secret",
    plural: "secrets",
    short: "secret",
    area: "core",
    schema: secretSchema,
  },
};

/** Of Kubernetes' own kinds. */
const coreVersion = "v1";

/** Under which a user may write the kind. */
export function apiVersionsOf(kind: ObjectKind): readonly string[] {
  const { area, own } = kinds[kind];
  if (area === "core") return [coreVersion];
  if (own) return [`${area}.mesh.io/${preferredVersion}`];
  return domains.flatMap((domain) => versions[area].map((version) => `${area}.${domain}/${version}`));
}

/** Read by `get`, written by `meshctl run` and the endpoints API. */
export type RegisteredKind = "Workload" | "Service";

export const registeredKinds: Readonly<Record<RegisteredKind, KindNames & { readonly area: "networking" }>> = {
  Workload: { singular: "workload", plural: "workloads", short: "wl", area: "networking" },
  Service: { singular: "service", plural: "services", short: "svc", area: "networking" },
};

/** Kinds of Istio's that have no place here yet, by area. */
export const laterKinds: Readonly<Record<string, readonly string[]>> = {
  networking: ["WorkloadGroup", "EnvoyFilter", "ProxyConfig"],
  security: ["RequestAuthentication"],
};

/** Under which the mesh itself would write it. */
export function apiVersionOf(kind: AnyKind): string {
  const { area } = names(kind);
  return area === "core" ? coreVersion : `${area}.mesh.io/${preferredVersion}`;
}

export type AnyKind = ObjectKind | RegisteredKind;

export function isObjectKind(kind: AnyKind): kind is ObjectKind {
  return Object.hasOwn(kinds, kind);
}

function names(kind: AnyKind): KindNames & { readonly area: Area } {
  return isObjectKind(kind) ? kinds[kind] : registeredKinds[kind];
}

export const anyKinds: readonly AnyKind[] = [...Object.values(kinds).map(({ kind }) => kind), "Workload", "Service"];

/**
 * The kind that a user's word names: singular, plural, short, or one of these with the group (vs.networking.istio.io).
 * undefined: none.
 */
export function kindFrom(word: string): AnyKind | undefined {
  const lower = word.toLowerCase();
  return anyKinds.find((kind) => {
    const { singular, plural, short, area } = names(kind);
    const taken = isObjectKind(kind) && kinds[kind].own ? ["mesh.io"] : domains;
    return [singular, plural, short].some(
      (name) => name === lower || taken.some((domain) => `${name}.${area}.${domain}` === lower),
    );
  });
}

/** All words that kindFrom takes without a group; for suggestions. */
export function kindWords(): readonly string[] {
  return anyKinds.map((kind) => names(kind).singular);
}

export function singularOf(kind: AnyKind): string {
  return names(kind).singular;
}
