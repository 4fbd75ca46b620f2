/** A cluster's health check → envoy.config.core.v3.HealthCheck. */
import type { HealthCheckSchema } from "#envoy/envoy/config/core/v3/health_check_pb.js";
import { CodecClientType } from "#envoy/envoy/type/v3/http_pb.js";
import type { ClusterHealthCheck, UpstreamProtocol } from "../compile/ir.ts";
import { duration, type Init } from "./any.ts";

type Checker = Init<typeof HealthCheckSchema>["healthChecker"] & object;

/** @param alpn what is offered where the endpoint is asked over TLS: checks do not offer what requests do. */
export function healthCheckInit(
  check: ClusterHealthCheck,
  { protocol, alpn }: { readonly protocol: UpstreamProtocol; readonly alpn: readonly string[] },
): Init<typeof HealthCheckSchema> {
  return {
    interval: duration(check.intervalMs),
    timeout: duration(check.timeoutMs),
    healthyThreshold: check.healthyThreshold,
    unhealthyThreshold: check.unhealthyThreshold,
    healthChecker: checkerOf(check, protocol),
    ...(alpn.length > 0 ? { tlsOptions: { alpnProtocols: [...alpn] } } : {}),
  };
}

const good = [{ start: 200n, end: 300n }];
/** Else Envoy takes an endpoint out at the first of these, whatever the threshold. */
const counted = [{ start: 300n, end: 600n }];

function checkerOf({ host, asks }: ClusterHealthCheck, protocol: UpstreamProtocol): Checker {
  switch (asks.kind) {
    case "http":
      return {
        case: "httpHealthCheck",
        value: {
          host,
          path: asks.path,
          expectedStatuses: good,
          retriableStatuses: counted,
          ...(protocol === "http2" ? { codecClientType: CodecClientType.HTTP2 } : {}),
        },
      };
    case "grpc":
      return {
        case: "grpcHealthCheck",
        value: { authority: host, ...(asks.service === undefined ? {} : { serviceName: asks.service }) },
      };
    case "tcp":
      return { case: "tcpHealthCheck", value: {} };
  }
}

/** As requests of the protocol do. */
export function checkAlpn({ asks }: ClusterHealthCheck, protocol: UpstreamProtocol): readonly string[] {
  if (protocol === "tcp") return ["weft"];
  return [asks.kind === "grpc" || protocol === "http2" ? "h2" : "http/1.1"];
}
