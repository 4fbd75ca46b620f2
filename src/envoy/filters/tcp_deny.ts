/** DENY policies on a TCP port: asked once, at a connection's first bytes. */
import { RBACSchema } from "#envoy/envoy/extensions/filters/network/rbac/v3/rbac_pb.js";
import { packed } from "../any.ts";
import { denyRules } from "../rbac.ts";
import type { TcpFilterFile } from "./filter.ts";

export const tcpDeny: TcpFilterFile = {
  name: "weft.rbac.deny",
  chain({ access, statPrefix }) {
    const rules = access && denyRules(access);
    return rules && packed(RBACSchema, { rules, statPrefix: `${statPrefix}.` });
  },
};
