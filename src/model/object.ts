/**
 * The objects a mesh is made of, as one tagged union, and the user's own form of them (a resource), which the store
 * keeps so that `get` prints what was said.
 */
import type { Gateway } from "./gateway.ts";
import type { Namespace } from "./names.ts";
import type { CircuitBreaker, FaultInjection, TrafficPolicy } from "./plain_words.ts";
import type { AuthorizationPolicy, PeerAuthentication } from "./policy.ts";
import type { RateLimitPolicy } from "./rate_limit.ts";
import type { VirtualService } from "./route.ts";
import type { MeshSecret, Sealed } from "./secret.ts";
import type { ServiceEntry, WorkloadEntry } from "./service_entry.ts";
import type { Sidecar } from "./sidecar.ts";
import type { Telemetry } from "./telemetry.ts";
import type { DestinationRule } from "./traffic.ts";

export const objectKinds = [
  "VirtualService",
  "DestinationRule",
  "ServiceEntry",
  "WorkloadEntry",
  "Sidecar",
  "PeerAuthentication",
  "AuthorizationPolicy",
  "Gateway",
  "CircuitBreaker",
  "TrafficPolicy",
  "FaultInjection",
  "RateLimitPolicy",
  "Telemetry",
  "Secret",
] as const;

export type ObjectKind = (typeof objectKinds)[number];

export type MeshObject =
  | ({ readonly kind: "VirtualService" } & VirtualService)
  | ({ readonly kind: "DestinationRule" } & DestinationRule)
  | ({ readonly kind: "ServiceEntry" } & ServiceEntry)
  | ({ readonly kind: "WorkloadEntry" } & WorkloadEntry)
  | ({ readonly kind: "Sidecar" } & Sidecar)
  | ({ readonly kind: "PeerAuthentication" } & PeerAuthentication)
  | ({ readonly kind: "AuthorizationPolicy" } & AuthorizationPolicy)
  | ({ readonly kind: "Gateway" } & Gateway)
  | ({ readonly kind: "CircuitBreaker" } & CircuitBreaker)
  | ({ readonly kind: "TrafficPolicy" } & TrafficPolicy)
  | ({ readonly kind: "FaultInjection" } & FaultInjection)
  | ({ readonly kind: "RateLimitPolicy" } & RateLimitPolicy)
  | ({ readonly kind: "Telemetry" } & Telemetry)
  | ({ readonly kind: "Secret" } & MeshSecret);

export interface ObjectRef {
  readonly kind: ObjectKind;
  readonly namespace: Namespace;
  readonly name: string;
}

/** A user's object: parsed, checked, defaults not filled in. Plain JSON data. */
export interface Resource {
  readonly apiVersion: string;
  readonly kind: ObjectKind;
  readonly metadata: {
    readonly name: string;
    readonly namespace: Namespace;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: Readonly<Record<string, unknown>>;
}

/** What the store keeps of it. `generation` rises by one whenever the spec changes. */
export interface StoredResource {
  readonly resource: Resource;
  readonly generation: number;
  /** Wall time of creation, ms; age order breaks ties between objects. */
  readonly createdAtMs: number;
  /** Where it was read from, when it came from a file: file:line. */
  readonly origin?: string;
  /** A Secret's contents; nothing of them stands in `resource`. */
  readonly sealed?: Sealed;
}

/** kind/namespace/name: the key in maps and messages. */
export function objectKey(ref: ObjectRef): string {
  return `${ref.kind}/${ref.namespace}/${ref.name}`;
}
