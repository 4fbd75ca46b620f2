/** The order of filters: one list for each layer, first asked first. */

import { cors } from "./filters/cors.ts";
import { dynamicForwardProxy } from "./filters/dynamic_forward_proxy.ts";
import { fault } from "./filters/fault.ts";
import type { HttpFilterFile, TcpFilterFile } from "./filters/filter.ts";
import { httpAllow } from "./filters/http_allow.ts";
import { httpDeny } from "./filters/http_deny.ts";
import { httpInspector } from "./filters/http_inspector.ts";
import { httpLocalRateLimit } from "./filters/local_rate_limit.ts";
import { router } from "./filters/router.ts";
import { tcpAllow } from "./filters/tcp_allow.ts";
import { tcpDeny } from "./filters/tcp_deny.ts";
import { tcpProxy } from "./filters/tcp_proxy.ts";
import { tlsInspector } from "./filters/tls_inspector.ts";

export const httpFilters: readonly HttpFilterFile[] = [
  httpDeny,
  httpAllow,
  httpLocalRateLimit,
  cors,
  fault,
  dynamicForwardProxy,
  router,
];

export const tcpFilters: readonly TcpFilterFile[] = [tcpDeny, tcpAllow, tcpProxy];

/** TLS first: what it finds to be TLS the other leaves alone. */
export const listenerFilters = [
  { needed: "tls", filter: tlsInspector },
  { needed: "http", filter: httpInspector },
] as const;
