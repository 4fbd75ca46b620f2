/** Which hosts' agents this node has heard of lately, and what their Envoys count. */
import type { Heartbeat, ProxyReport } from "../certificates/attestation/protocol.ts";
import type { Clock } from "../platform/clock.ts";
import type { Fleet } from "../telemetry/fleet.ts";

/** Agents speak every 2 s; one that missed five is not live, and its names may be taken over. */
const liveForMs = 10_000;

export class LiveHosts {
  readonly #clock: Clock;
  readonly #fleet: Fleet;
  readonly #heardAtMs = new Map<string, number>();
  readonly #proxies = new Map<string, ProxyReport>();

  constructor(clock: Clock, fleet: Fleet) {
    this.#clock = clock;
    this.#fleet = fleet;
  }

  isLive(hostName: string): boolean {
    const atMs = this.#heardAtMs.get(hostName);
    return atMs !== undefined && this.#clock.monotonicMs() - atMs < liveForMs;
  }

  heard(hostName: string, heartbeat: Heartbeat): void {
    this.#heardAtMs.set(hostName, this.#clock.monotonicMs());
    for (const report of heartbeat.proxies) {
      this.#proxies.set(report.workload, report);
      this.#fleet.report(report);
    }
  }

  /** The newest report of a proxy; undefined before the first. */
  proxy(workload: string): ProxyReport | undefined {
    return this.#proxies.get(workload);
  }

  /** A workload that is no more. */
  forget(workload: string): void {
    this.#proxies.delete(workload);
    this.#fleet.forget(workload);
  }

  names(): readonly { readonly hostName: string; readonly live: boolean }[] {
    return [...this.#heardAtMs.keys()].map((hostName) => ({ hostName, live: this.isLive(hostName) }));
  }
}
