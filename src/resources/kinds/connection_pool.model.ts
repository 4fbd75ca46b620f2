/** A connection pool's settings → model. */
import type { ConnectionPool, Keepalive } from "../../model/traffic.ts";
import type { ConnectionPoolSpec } from "./connection_pool.schema.ts";
import { timesOf } from "./shared.model.ts";

/** 0 is Istio's "not set" for every count. */
export function poolOf({ tcp, http }: ConnectionPoolSpec): ConnectionPool {
  const { maxConnections, connectTimeout, maxConnectionDuration, tcpKeepalive } = tcp ?? {};
  const { idleTimeout, h2UpgradePolicy, useClientProtocol, ...counts } = http ?? {};
  const set = Object.entries({ maxConnections, ...counts }).filter(([, count]) => count !== undefined && count !== 0);
  return {
    ...Object.fromEntries(set),
    ...timesOf({
      connectTimeoutMs: connectTimeout,
      idleTimeoutMs: idleTimeout,
      maxConnectionDurationMs: maxConnectionDuration,
    }),
    ...(tcpKeepalive ? { keepalive: keepaliveOf(tcpKeepalive) } : {}),
    ...(h2UpgradePolicy === "UPGRADE" ? { upgrade: true } : {}),
    ...(useClientProtocol ? { asCaller: true } : {}),
  };
}

function keepaliveOf({
  probes,
  time,
  interval,
}: NonNullable<NonNullable<ConnectionPoolSpec["tcp"]>["tcpKeepalive"]>): Keepalive {
  return { ...(probes ? { probes } : {}), ...timesOf({ timeMs: time, intervalMs: interval }) };
}
