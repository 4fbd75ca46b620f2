/** ALLOW policies on a TCP port, after every DENY. */
import { RBACSchema } from "#envoy/envoy/extensions/filters/network/rbac/v3/rbac_pb.js";
import { packed } from "../any.ts";
import { allowRules } from "../rbac.ts";
import type { TcpFilterFile } from "./filter.ts";

export const tcpAllow: TcpFilterFile = {
  name: "weft.rbac.allow",
  chain({ access, statPrefix }) {
    const rules = access && allowRules(access);
    return rules && packed(RBACSchema, { rules, statPrefix: `${statPrefix}.` });
  },
};
