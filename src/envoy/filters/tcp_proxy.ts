/** Carries a connection's bytes to its cluster. Always last. */
import { TcpProxySchema } from "#envoy/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js";
import { packed } from "../any.ts";
import type { TcpFilterFile } from "./filter.ts";

export const tcpProxy: TcpFilterFile = {
  name: "envoy.filters.network.tcp_proxy",
  chain: ({ statPrefix, cluster }) =>
    packed(TcpProxySchema, { statPrefix, clusterSpecifier: { case: "cluster", value: cluster } }),
};
