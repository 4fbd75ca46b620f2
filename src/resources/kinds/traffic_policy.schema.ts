/** TrafficPolicy: how a service is called, in plain words. */
import { choice, duration, type Infer, plainObject, string } from "../schema/type.ts";
import { breakerLimits, ownService, plainCount } from "./shared.ts";

const healthCheck = plainObject({
  description:
    "Callers' proxies ask each endpoint whether it is well, and send nothing to one that is not; every minute until they " +
    "have had requests for the service. A port that cannot be asked so is not asked.",
  notEmpty: true,
  fields: {
    protocol: choice({
      description: "How it is asked.",
      default: "http",
      values: {
        http: "GET of `path`; 200 to 299 is well. On HTTP ports.",
        grpc: "grpc.health.v1. On ports of HTTP/2 and gRPC.",
        tcp: "Whether a connection opens; where a sidecar answers, whether it does.",
      },
    }),
    path: string({ description: "What is asked for by HTTP.", default: "none; it must be said", format: "urlPath" }),
    grpc_service: string({
      description: "Of which service gRPC is asked.",
      default: "the server",
      format: "grpcService",
    }),
    interval: duration({ description: "Time between questions.", default: "10s" }),
    timeout: duration({ description: "How long an answer may take.", default: "1s" }),
    healthy_threshold: plainCount(
      "Good answers in a row after which an ill endpoint is well; the first always counts.",
      "2",
    ),
    unhealthy_threshold: plainCount("Bad answers in a row after which an endpoint is ill.", "3"),
  },
});

export const trafficPolicySchema = plainObject({
  description:
    "How a service is called: balancing, limits, timeouts, retries, health. Where a DestinationRule, a CircuitBreaker or the " +
    "VirtualService's route says the same, that one holds.",
  fields: {
    service: ownService,
    load_balancing: choice({
      description: "How one endpoint is chosen among the healthy ones.",
      default: "least-conn",
      values: {
        "round-robin": "Each in turn.",
        "least-conn": "Of two taken at random, the one with fewer open requests.",
        "least-request": "The same by its other name.",
        random: "Any.",
      },
    }),
    circuit_breaking: plainObject({
      description: "Limits on connections and requests, per proxy, as a CircuitBreaker sets them.",
      notEmpty: true,
      fields: breakerLimits,
    }),
    timeouts: plainObject({
      description: "How long things may take.",
      notEmpty: true,
      fields: {
        connect_timeout: duration({ description: "How long a connection may take to open.", default: "10s" }),
        request_timeout: duration({
          description: "How long a request may take, tries included. For routes that lead to this service alone.",
          default: "no limit",
        }),
      },
    }),
    retries: plainObject({
      description:
        "How often and when a failed request is sent again. For routes that lead to this service alone and say nothing " +
        "of retries.",
      notEmpty: true,
      fields: {
        attempts: plainCount("How many times; 0 means never.", "2", { min: 0, max: 1_000 }),
        per_try_timeout: duration({ description: "How long each try may take.", default: "the request's timeout" }),
        retry_on: string({
          description: "Envoy's retry conditions and status codes, separated by commas.",
          default: "connect-failure,refused-stream,unavailable,cancelled,503",
          format: "retryOn",
        }),
      },
    }),
    health_check: healthCheck,
  },
});

export type TrafficPolicySpec = Infer<typeof trafficPolicySchema>;
