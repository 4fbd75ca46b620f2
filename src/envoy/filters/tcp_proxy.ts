/** Carries a connection's bytes to its cluster, or to one of several by weight. Always last. */
import { TcpProxySchema } from "#envoy/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js";
import { accessLog } from "../access_log.ts";
import { packed } from "../any.ts";
import type { TcpFilterFile } from "./filter.ts";

export const tcpProxy: TcpFilterFile = {
  name: "envoy.filters.network.tcp_proxy",
  chain({ statPrefix, clusters, hashSource, accessLog: logged }) {
    const [only, ...others] = clusters;
    const rest = {
      ...(hashSource ? { hashPolicy: [{ policySpecifier: { case: "sourceIp", value: {} } as const }] } : {}),
      ...accessLog(logged),
    };
    if (only && others.length === 0) {
      return packed(TcpProxySchema, {
        statPrefix,
        clusterSpecifier: { case: "cluster", value: only.name },
        ...rest,
      });
    }
    const value = { clusters: [...clusters] };
    return packed(TcpProxySchema, { statPrefix, clusterSpecifier: { case: "weightedClusters", value }, ...rest });
  },
};
