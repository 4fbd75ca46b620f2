/** A name that a peer's certificate may have → Envoy's matcher for it. */
import { isIP } from "node:net";
import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  SubjectAltNameMatcher_SanType as SanType,
  type SubjectAltNameMatcherSchema,
} from "#envoy/envoy/extensions/transport_sockets/tls/v3/common_pb.js";

export function nameMatcher(name: string): MessageInitShape<typeof SubjectAltNameMatcherSchema> {
  return { sanType: sanTypeOf(name), matcher: { matchPattern: { case: "exact", value: name } } };
}

/** What kind of name it is can be seen. */
function sanTypeOf(name: string): SanType {
  if (name.includes("://")) return SanType.URI;
  if (isIP(name)) return SanType.IP_ADDRESS;
  return name.includes("@") ? SanType.EMAIL : SanType.DNS;
}
