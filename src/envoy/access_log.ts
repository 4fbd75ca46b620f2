/**
 * A handler's access log: a line of text for each request, or each TCP connection, to Envoy's standard output. What a line
 * says, and in which order, is Istio's default; Envoy writes "-" for what there is not.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { AccessLogSchema } from "#envoy/envoy/config/accesslog/v3/accesslog_pb.js";
import { StdoutAccessLogSchema } from "#envoy/envoy/extensions/access_loggers/stream/v3/stream_pb.js";
import { packed } from "./any.ts";

const parts = [
  "[%START_TIME%]",
  '"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%"',
  "%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS%",
  '"%UPSTREAM_TRANSPORT_FAILURE_REASON%"',
  "%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%",
  '"%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%"',
  '"%UPSTREAM_HOST%" %UPSTREAM_CLUSTER% %UPSTREAM_LOCAL_ADDRESS%',
  "%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%",
];

const line = `${parts.join(" ")}\n`;

export function accessLog(logged: true | undefined): {
  readonly accessLog?: MessageInitShape<typeof AccessLogSchema>[];
} {
  if (!logged) return {};
  const inlineString = { case: "inlineString", value: line } as const;
  const format = { case: "textFormatSource", value: { specifier: inlineString } } as const;
  const value = packed(StdoutAccessLogSchema, { accessLogFormat: { case: "logFormat", value: { format } } });
  return { accessLog: [{ name: "envoy.access_loggers.stdout", configType: { case: "typedConfig", value } }] };
}
