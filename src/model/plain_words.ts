/**
 * What a service's owner says of it in plain words: CircuitBreaker, TrafficPolicy, FaultInjection. Each comes to parts of
 * what DestinationRules and VirtualServices say, and holds where these say nothing (compile/plain_words).
 */
import type { Namespace, ServiceRef } from "./names.ts";
import type { Fault, HttpRoute } from "./route.ts";
import type { TrafficSettings } from "./traffic.ts";

export interface OfService {
  readonly namespace: Namespace;
  readonly name: string;
  /** Of the object's own namespace. */
  readonly service: ServiceRef;
  /** The older of two of one kind for one service holds. */
  readonly createdAt: number;
}

export interface CircuitBreaker extends OfService {
  readonly settings: TrafficSettings;
}

/** What holds for a route whose destinations are all of the service. */
export type RouteWords = Pick<HttpRoute, "timeoutMs" | "retries" | "fault">;

export interface TrafficPolicy extends OfService {
  readonly settings: TrafficSettings;
  readonly routes: RouteWords;
}

export interface FaultInjection extends OfService {
  readonly fault: Fault;
}
