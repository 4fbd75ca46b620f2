/**
 * What is said of a service in plain words, as one: of two objects of a kind the older holds, and a CircuitBreaker goes
 * before a TrafficPolicy. Whatever a DestinationRule or a VirtualService says goes before all of it, field by field. Pure.
 */
import type { CircuitBreaker, FaultInjection, RouteWords, TrafficPolicy } from "../model/plain_words.ts";
import type { HttpRoute } from "../model/route.ts";
import type { TrafficSettings } from "../model/traffic.ts";
import { byAge } from "./hosts.ts";

/** Everything of a kind that names the service, in any order. */
export interface PlainWords {
  readonly breakers: readonly CircuitBreaker[];
  readonly policies: readonly TrafficPolicy[];
  readonly faults: readonly FaultInjection[];
}

export function plainSettings({ breakers, policies }: Pick<PlainWords, "breakers" | "policies">): TrafficSettings {
  return filledSettings(oldest(breakers)?.settings ?? {}, oldest(policies)?.settings ?? {});
}

export function plainRoutes({ policies, faults }: Pick<PlainWords, "policies" | "faults">): RouteWords {
  const fault = oldest(faults)?.fault;
  return { ...oldest(policies)?.routes, ...(fault ? { fault } : {}) };
}

/** Limits and ejection are filled up field by field; the rest is one field each. */
export function filledSettings(said: TrafficSettings, unsaid: TrafficSettings): TrafficSettings {
  const connectionPool = { ...unsaid.connectionPool, ...said.connectionPool };
  const outlierDetection = { ...unsaid.outlierDetection, ...said.outlierDetection };
  return {
    ...unsaid,
    ...said,
    ...(unsaid.connectionPool ? { connectionPool } : {}),
    ...(unsaid.outlierDetection ? { outlierDetection } : {}),
  };
}

/** Retries are one field; a delay and an abort are two. */
export function filledRoute(said: HttpRoute, unsaid: RouteWords): HttpRoute {
  return { ...unsaid, ...said, ...(unsaid.fault ? { fault: { ...unsaid.fault, ...said.fault } } : {}) };
}

/** The one of a kind that holds. */
export function oldest<T extends CircuitBreaker | TrafficPolicy | FaultInjection>(
  objects: readonly T[],
): T | undefined {
  return [...objects].sort(byAge)[0];
}
