/** HTTP handler → HttpConnectionManager. */
import { create } from "@bufbuild/protobuf";
import {
  type HttpConnectionManager,
  HttpConnectionManager_CodecType,
  HttpConnectionManager_ForwardClientCertDetails,
  HttpConnectionManager_PathWithEscapedSlashesAction,
  HttpConnectionManager_ServerHeaderTransformation,
  HttpConnectionManagerSchema,
} from "#envoy/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js";
import type { HttpHandler } from "../compile/ir.ts";
import { accessLog } from "./access_log.ts";
import { duration, type Init } from "./any.ts";
import { ads } from "./config_source.ts";
import { httpFilters } from "./filter_order.ts";

export function connectionManager(handler: HttpHandler): HttpConnectionManager {
  return create(HttpConnectionManagerSchema, {
    codecType: HttpConnectionManager_CodecType.AUTO,
    statPrefix: handler.statPrefix,
    routeSpecifier: { case: "rds", value: { routeConfigName: handler.routes, configSource: ads() } },
    httpFilters: httpFilters.flatMap((filter) => {
      const config = filter.chain(handler);
      return config ? { name: filter.name, configType: { case: "typedConfig", value: config } as const } : [];
    }),
    generateRequestId: true,
    serverHeaderTransformation: HttpConnectionManager_ServerHeaderTransformation.PASS_THROUGH,
    // CONNECT is let as far as its route, which answers 405: unknown upgrades get a 403 that says nothing.
    upgradeConfigs: [{ upgradeType: "websocket" }, ...(handler.role === "inbound" ? [] : [{ upgradeType: "CONNECT" }])],
    httpProtocolOptions: { acceptHttp10: true },
    // A stream may be silent as long as its ends like: Istio's default, where Envoy's own is 5 minutes.
    streamIdleTimeout: duration(0),
    // Istio's BASE: dot segments resolved and backslashes turned. What else is ambiguous is the policies' affair (rbac.ts),
    // so that a path reaches the application as it was written unless a policy reads it.
    normalizePath: true,
    pathWithEscapedSlashesAction: HttpConnectionManager_PathWithEscapedSlashesAction.KEEP_UNCHANGED,
    ...accessLog(handler.accessLog),
    ...byRole(handler.role),
  });
}

function byRole(role: HttpHandler["role"]): Init<typeof HttpConnectionManagerSchema> {
  switch (role) {
    // Between our own proxies: what the caller's side wrote stays, except who the caller is, which the certificate says.
    case "inbound":
      return {
        useRemoteAddress: false,
        preserveExternalRequestId: true,
        forwardClientCertDetails: HttpConnectionManager_ForwardClientCertDetails.SANITIZE_SET,
        setCurrentClientCertDetails: { uri: true },
      };
    case "outbound":
      return { useRemoteAddress: false, preserveExternalRequestId: true, stripTrailingHostDot: true };
    // The edge of the mesh: nothing that a stranger says about himself is believed.
    case "gateway":
      return {
        useRemoteAddress: true,
        forwardClientCertDetails: HttpConnectionManager_ForwardClientCertDetails.SANITIZE_SET,
        setCurrentClientCertDetails: { uri: true },
        stripTrailingHostDot: true,
      };
  }
}
