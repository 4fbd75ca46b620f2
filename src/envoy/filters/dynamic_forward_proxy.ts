/** Looks a Host up before a request goes out to a host that the mesh does not know. */
import { FilterConfigSchema } from "#envoy/envoy/extensions/filters/http/dynamic_forward_proxy/v3/dynamic_forward_proxy_pb.js";
import { packed } from "../any.ts";
import { dnsCache } from "./dns_cache.ts";
import type { HttpFilterFile } from "./filter.ts";

export const dynamicForwardProxy: HttpFilterFile = {
  name: "envoy.filters.http.dynamic_forward_proxy",
  chain: ({ unknownHosts }) =>
    unknownHosts
      ? packed(FilterConfigSchema, { implementationSpecifier: { case: "dnsCacheConfig", value: dnsCache() } })
      : undefined,
};
