/**
 * DENY policies on HTTP. In the chain stands an empty filter, which lets all pass; the rules come with the route table,
 * which Envoy reads for every request.
 */
import { RBACPerRouteSchema, RBACSchema } from "#envoy/envoy/extensions/filters/http/rbac/v3/rbac_pb.js";
import { packed } from "../any.ts";
import { denyRules } from "../rbac.ts";
import type { HttpFilterFile } from "./filter.ts";

export const httpDeny: HttpFilterFile = {
  name: "weft.rbac.deny",
  chain: ({ role }) => (role === "outbound" ? undefined : packed(RBACSchema, {})),
  table({ access }) {
    const rules = access && denyRules(access);
    return rules && packed(RBACPerRouteSchema, { rbac: { rules } });
  },
};
