/** ALLOW policies on HTTP, after every DENY. Empty in the chain; the rules come with the route table. */
import { RBACPerRouteSchema, RBACSchema } from "#envoy/envoy/extensions/filters/http/rbac/v3/rbac_pb.js";
import { packed } from "../any.ts";
import { allowRules } from "../rbac.ts";
import type { HttpFilterFile } from "./filter.ts";

export const httpAllow: HttpFilterFile = {
  name: "weft.rbac.allow",
  chain: ({ role }) => (role === "outbound" ? undefined : packed(RBACSchema, {})),
  table({ access }) {
    const rules = access && allowRules(access);
    return rules && packed(RBACPerRouteSchema, { rbac: { rules } });
  },
};
