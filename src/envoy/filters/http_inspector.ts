/** Finds out whether a plaintext connection begins with HTTP. */
import { HttpInspectorSchema } from "#envoy/envoy/extensions/filters/listener/http_inspector/v3/http_inspector_pb.js";
import { packed } from "../any.ts";

export const httpInspector = {
  name: "envoy.filters.listener.http_inspector",
  config: () => packed(HttpInspectorSchema, {}),
};
