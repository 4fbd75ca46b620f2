/** Delays and aborts on purpose. Empty in the chain; a route says what it does. */
import { HTTPFaultSchema } from "#envoy/envoy/extensions/filters/http/fault/v3/fault_pb.js";
import type { Fault } from "../../model/route.ts";
import { duration, fraction, type Init, packed } from "../any.ts";
import type { HttpFilterFile } from "./filter.ts";

export const fault: HttpFilterFile = {
  name: "envoy.filters.http.fault",
  chain: ({ role }) => (role === "inbound" ? undefined : packed(HTTPFaultSchema, {})),
  route: ({ fault: wanted }) => wanted && packed(HTTPFaultSchema, faultInit(wanted)),
};

function faultInit({ delay, abort }: Fault): Init<typeof HTTPFaultSchema> {
  return {
    ...(delay
      ? {
          delay: {
            faultDelaySecifier: { case: "fixedDelay", value: duration(delay.ms) },
            percentage: fraction(delay.percent),
          },
        }
      : {}),
    ...(abort
      ? {
          abort: {
            errorType:
              "grpc" in abort ? { case: "grpcStatus", value: abort.grpc } : { case: "httpStatus", value: abort.status },
            percentage: fraction(abort.percent),
          },
        }
      : {}),
  };
}
