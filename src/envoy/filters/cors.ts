/** Which pages of other origins may call. Empty in the chain; a route says whom it lets. */
import { CorsPolicySchema, CorsSchema } from "#envoy/envoy/extensions/filters/http/cors/v3/cors_pb.js";
import type { Cors } from "../../model/route.ts";
import { fraction, type Init, packed } from "../any.ts";
import { routedString } from "../matchers.ts";
import type { HttpFilterFile } from "./filter.ts";

export const cors: HttpFilterFile = {
  name: "envoy.filters.http.cors",
  chain: ({ role }) => (role === "inbound" ? undefined : packed(CorsSchema, {})),
  route: ({ cors: wanted }) => wanted && packed(CorsPolicySchema, policyInit(wanted)),
};

function policyInit(wanted: Cors): Init<typeof CorsPolicySchema> {
  const { origins, methods, headers, exposes, maxAgeSeconds, credentials, forwardUnmatched } = wanted;
  return {
    allowOriginStringMatch: origins.map(routedString),
    allowMethods: methods.join(","),
    allowHeaders: headers.join(","),
    exposeHeaders: exposes.join(","),
    ...(maxAgeSeconds === undefined ? {} : { maxAge: String(maxAgeSeconds) }),
    ...(credentials === undefined ? {} : { allowCredentials: credentials }),
    ...(forwardUnmatched ? {} : { forwardNotMatchingPreflights: false }),
    filterEnabled: { defaultValue: fraction(100) },
  };
}
