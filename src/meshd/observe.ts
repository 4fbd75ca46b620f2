/** What the xDS room tells, as metrics and log events. */
import type { Logger } from "../platform/log.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { XdsObserver } from "../xds/observer.ts";
import type { Refusals } from "./brake/refusals.ts";

export interface Observing {
  /** These two are asked for late, because the fleet and they know each other. */
  readonly metrics: () => Metrics;
  readonly refusals: () => Refusals;
  readonly log: Logger;
}

export function observeXds({ metrics, refusals, log }: Observing): XdsObserver {
  return {
    streams: () => {},
    pushed: (type, bytes) => metrics().pushed(type, bytes),
    acknowledged: (_type, ms, sinceMs) => metrics().acknowledged(ms, sinceMs),
    refused(response) {
      const { proxy, type, names, because, withheld } = response;
      refusals().refused(response);
      metrics().refusals.inc({ type });
      log.warn("proxy refused configuration", { proxy, type, names: names.slice(0, 10), because, withheld });
    },
    ended: (proxy, code, because) => log.info("xDS stream ended", { proxy, code, because }),
  };
}
