/** TrafficPolicy → model. */
import type { RouteWords, TrafficPolicy } from "../../model/plain_words.ts";
import type { RetryPolicy } from "../../model/route.ts";
import type { HealthCheck, SimpleBalancer, TrafficSettings } from "../../model/traffic.ts";
import { limitsOf } from "./circuit_breaker.model.ts";
import { milliseconds, type Owner, serviceNamed, timesOf } from "./shared.model.ts";
import type { TrafficPolicySpec } from "./traffic_policy.schema.ts";

const balancers: Readonly<Record<NonNullable<TrafficPolicySpec["load_balancing"]>, SimpleBalancer>> = {
  "round-robin": "round-robin",
  "least-conn": "least-request",
  "least-request": "least-request",
  random: "random",
};

export function toTrafficPolicy(spec: TrafficPolicySpec, owner: Owner): TrafficPolicy {
  return { ...owner, service: serviceNamed(spec.service, owner), settings: settingsOf(spec), routes: routesOf(spec) };
}

function settingsOf({ load_balancing, circuit_breaking, timeouts, health_check }: TrafficPolicySpec): TrafficSettings {
  const connectTimeout = timeouts?.connect_timeout;
  const connectionPool = {
    ...(circuit_breaking ? limitsOf(circuit_breaking) : {}),
    ...timesOf({ connectTimeoutMs: connectTimeout }),
  };
  return {
    ...(load_balancing ? { balancer: balancers[load_balancing] } : {}),
    ...(Object.keys(connectionPool).length > 0 ? { connectionPool } : {}),
    ...(health_check ? { healthCheck: healthCheckOf(health_check) } : {}),
  };
}

const checkDefaults = { intervalMs: 10_000, timeoutMs: 1_000 };

function healthCheckOf(check: NonNullable<TrafficPolicySpec["health_check"]>): HealthCheck {
  const { interval, timeout, healthy_threshold, unhealthy_threshold } = check;
  return {
    asks: questionOf(check),
    ...checkDefaults,
    ...timesOf({ intervalMs: interval, timeoutMs: timeout }),
    healthyThreshold: healthy_threshold ?? 2,
    unhealthyThreshold: unhealthy_threshold ?? 3,
  };
}

function questionOf({
  protocol,
  path = "/",
  grpc_service,
}: NonNullable<TrafficPolicySpec["health_check"]>): HealthCheck["asks"] {
  if (protocol === "tcp") return { kind: "tcp" };
  if (protocol !== "grpc") return { kind: "http", path };
  return { kind: "grpc", ...(grpc_service === undefined ? {} : { service: grpc_service }) };
}

function routesOf({ timeouts, retries }: TrafficPolicySpec): RouteWords {
  return {
    ...timesOf({ timeoutMs: timeouts?.request_timeout }),
    ...(retries ? { retries: retriesOf(retries) } : {}),
  };
}

/** The mesh's own. */
const defaultAttempts = 2;

function retriesOf({ attempts, per_try_timeout, retry_on }: NonNullable<TrafficPolicySpec["retries"]>): RetryPolicy {
  return {
    attempts: attempts ?? defaultAttempts,
    ...(per_try_timeout === undefined ? {} : { perTryTimeoutMs: milliseconds(per_try_timeout) }),
    retryOn: (retry_on ?? "").split(",").filter((word) => word !== ""),
    remoteLocalities: false,
    samePlace: false,
  };
}
