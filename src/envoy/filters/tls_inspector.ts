/** Finds out whether a connection begins with TLS, and what it offers. */
import { TlsInspectorSchema } from "#envoy/envoy/extensions/filters/listener/tls_inspector/v3/tls_inspector_pb.js";
import { packed } from "../any.ts";

export const tlsInspector = {
  name: "envoy.filters.listener.tls_inspector",
  config: () => packed(TlsInspectorSchema, {}),
};
