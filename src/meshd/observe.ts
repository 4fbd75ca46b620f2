/** What the xDS room tells, as metrics and log events. */
import type { Logger } from "../platform/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { XdsObserver } from "../xds/observer.ts";

/** @param metrics asked for late, because the fleet and its metrics know each other. */
export function observeXds(metrics: () => Metrics, log: Logger): XdsObserver {
  return {
    streams: () => {},
    pushed(type, bytes) {
      metrics().pushes.inc({ type });
      metrics().pushedBytes.inc({ type }, bytes);
    },
    acknowledged: (_type, ms) => metrics().acknowledged(ms),
    refused({ proxy, type, names, because, withheld }) {
      metrics().refusals.inc({ type });
      log.warn("proxy refused configuration", { proxy, type, names: names.slice(0, 10), because, withheld });
    },
    ended: (proxy, code, because) => log.info("xDS stream ended", { proxy, code, because }),
  };
}
