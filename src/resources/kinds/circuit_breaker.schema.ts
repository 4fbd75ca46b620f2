/** CircuitBreaker: limits and ejection for a service, in plain words. */
import { duration, type Infer, integer, plainObject } from "../schema/type.ts";
import { breakerLimits, ownService, plainCount } from "./shared.ts";

export const circuitBreakerSchema = plainObject({
  description:
    "When callers of a service stop asking it, per proxy. Where a DestinationRule says the same, that one holds; a " +
    "TrafficPolicy's CircuitBreaking comes after it.",
  fields: {
    service: ownService,
    ...breakerLimits,
    detection: plainObject({
      description: "Takes an endpoint that fails out of the balancing for a while.",
      default: "nobody is taken out",
      fields: {
        consecutive_errors: plainCount(
          "Errors in a row after which an endpoint is out: answers of 500 to 599, connections that fail.",
          "5",
        ),
        interval: duration({ description: "How often endpoints are judged, and taken back.", default: "10s" }),
        base_ejection_time: duration({
          description: "How long the first time lasts; the n-th lasts n times as long.",
          default: "30s",
        }),
        max_ejection_percent: integer({
          description: "How many of the endpoints may be out at a time; with all out, requests are answered with 503.",
          default: "100",
          unit: "%",
          min: 1,
          max: 100,
          quotable: true,
        }),
      },
    }),
  },
});

export type CircuitBreakerSpec = Infer<typeof circuitBreakerSchema>;
