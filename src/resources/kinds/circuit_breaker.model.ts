/** CircuitBreaker → model. */
import type { CircuitBreaker } from "../../model/plain_words.ts";
import type { ConnectionPool, OutlierDetection } from "../../model/traffic.ts";
import type { CircuitBreakerSpec } from "./circuit_breaker.schema.ts";
import { type Owner, serviceNamed, timesOf } from "./shared.model.ts";

export function toCircuitBreaker(spec: CircuitBreakerSpec, owner: Owner): CircuitBreaker {
  const { service, detection, ...limits } = spec;
  const connectionPool = limitsOf(limits);
  return {
    ...owner,
    service: serviceNamed(service, owner),
    settings: {
      ...(Object.keys(connectionPool).length > 0 ? { connectionPool } : {}),
      ...(detection ? { outlierDetection: ejectionOf(detection) } : {}),
    },
  };
}

export function limitsOf(limits: Omit<CircuitBreakerSpec, "service" | "detection">): ConnectionPool {
  const { max_connections, max_pending_requests, max_requests, max_retries } = limits;
  return {
    ...(max_connections === undefined ? {} : { maxConnections: max_connections }),
    ...(max_pending_requests === undefined ? {} : { http1MaxPendingRequests: max_pending_requests }),
    ...(max_requests === undefined ? {} : { http2MaxRequests: max_requests }),
    ...(max_retries === undefined ? {} : { maxRetries: max_retries }),
  };
}

/** An open circuit asks nobody: unlike in Istio, all may be out unless it is said. */
const everybody = 100;

function ejectionOf(detection: NonNullable<CircuitBreakerSpec["detection"]>): OutlierDetection {
  const { consecutive_errors, interval, base_ejection_time, max_ejection_percent } = detection;
  return {
    ...(consecutive_errors === undefined ? {} : { consecutive5xxErrors: consecutive_errors }),
    ...timesOf({ intervalMs: interval, baseEjectionTimeMs: base_ejection_time }),
    maxEjectionPercent: max_ejection_percent ?? everybody,
  };
}
