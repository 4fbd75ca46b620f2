/** The DNS cache that the way to unknown hosts and its filter share: both must say exactly the same. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { Cluster_DnsLookupFamily } from "#envoy/envoy/config/cluster/v3/cluster_pb.js";
import type { DnsCacheConfigSchema } from "#envoy/envoy/extensions/common/dynamic_forward_proxy/v3/dns_cache_pb.js";
import { duration } from "../any.ts";

/** Hosts one proxy remembers. At the limit: 503, counted by Envoy as dns_cache.host_overflow. */
const maxHosts = 4_096;

export function dnsCache(): MessageInitShape<typeof DnsCacheConfigSchema> {
  return {
    name: "unknown-hosts",
    dnsLookupFamily: Cluster_DnsLookupFamily.ALL,
    maxHosts,
    dnsQueryTimeout: duration(5_000),
  };
}
