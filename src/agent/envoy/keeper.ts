/**
 * Keeps one workload's Envoy running:
 *
 *   start or adopt ──▶ configuring ──live and listening──▶ ready ──exit──▶ down ──wait──▶ start …
 *                          └───────────────exit──────────────────────────▶ down
 *   stop, in any state: drain, SIGTERM, SIGKILL, over
 *
 * An Envoy that is started again has the same bootstrap, so the same ports. Waits between starts double until one of
 * them lived for a while.
 */
import type { LocalAddress } from "../../model/workload.ts";
import { sleep } from "../../platform/clock.ts";
import { WeftError } from "../../platform/error.ts";
import { limits } from "../../platform/limits.ts";
import type { ProcessId } from "../../platform/process_id.ts";
import { backoffMs, type RetryPorts } from "../retry.ts";
import { printAddress } from "../workloads.ts";
import type { EnvoyAdmin } from "./admin.ts";
import { adoptEnvoy, type EnvoyCommand, type EnvoyProcess, startEnvoy } from "./process.ts";

/** Between two looks at an Envoy that is not configured yet; one that waits long is most likely waiting for a node. */
const readyPollMs = 50;
const lateReadyPollMs = 500;
const lateAfterMs = 5_000;
const drainPollMs = 50;
/** How long a live Envoy may lack listeners before somebody looks whether their ports were taken. */
const missingAfterMs = 2_000;
/** An Envoy that lived this long did not die of its configuration: the next one is started at once. */
const steadyMs = 10_000;

const restartBackoff = { baseMs: limits.agentRetryBaseMs, maxMs: limits.proxyRestartMaxMs };

export interface KeeperEvents {
  started(id: ProcessId): void;
  ready(): void;
  down(): void;
  /** It lives, but these are not listened on. Said every two seconds until they are. */
  missing(listeners: readonly LocalAddress[], forMs: number): void;
  /** It cannot be started at all. */
  failed(error: WeftError): void;
}

export interface KeeperParts extends RetryPorts {
  readonly command: EnvoyCommand;
  readonly admin: EnvoyAdmin;
  /** Where it must listen to count as configured. */
  expected(): readonly LocalAddress[];
  readonly events: KeeperEvents;
}

export class EnvoyKeeper {
  readonly #parts: KeeperParts;
  readonly #stopping = new AbortController();
  #process: EnvoyProcess | undefined;
  #over: Promise<void> = Promise.resolve();

  constructor(parts: KeeperParts) {
    this.#parts = parts;
  }

  /** @param left an Envoy of an agent before this one, to be adopted if it still runs. */
  begin(left?: ProcessId): void {
    const adopted = left && adoptEnvoy(this.#parts.clock, left);
    this.#over = this.#keep(adopted).catch((cause) => this.#parts.events.failed(WeftError.from(cause, "run Envoy")));
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    if (this.#process?.running) {
      await this.#drain();
      await this.#process.stop();
    }
    await this.#over;
  }

  async #keep(adopted: EnvoyProcess | undefined): Promise<void> {
    const { clock, random, events, log, command } = this.#parts;
    for (let deaths = 0, next = adopted; !this.#stopping.signal.aborted; next = undefined) {
      const process = next ?? startEnvoy(clock, command);
      const sinceMs = clock.monotonicMs();
      this.#process = process;
      events.started(process.id);
      if (await this.#configured(process)) events.ready();
      await process.exited;
      if (this.#stopping.signal.aborted) return;
      deaths = clock.monotonicMs() - sinceMs > steadyMs ? 0 : deaths + 1;
      log.warn("envoy-died", { pid: process.id.pid, deaths, log: command.logPath });
      events.down();
      const delayMs = deaths === 0 ? 0 : backoffMs(random, restartBackoff, deaths - 1);
      await sleep(clock, delayMs, this.#stopping.signal).catch(() => {});
    }
  }

  /** Resolves with true when it is configured, with false when it ended before or is to be stopped. */
  async #configured(process: EnvoyProcess): Promise<boolean> {
    const { clock, admin, events } = this.#parts;
    const sinceMs = clock.monotonicMs();
    let saidMs = sinceMs;
    while (process.running && !this.#stopping.signal.aborted) {
      const live = await admin.live();
      const missing = live ? await this.#missing() : this.#parts.expected();
      if (live && missing.length === 0) return process.running;
      const nowMs = clock.monotonicMs();
      if (nowMs - saidMs >= missingAfterMs) {
        saidMs = nowMs;
        events.missing(missing, nowMs - sinceMs);
      }
      const pollMs = nowMs - sinceMs < lateAfterMs ? readyPollMs : lateReadyPollMs;
      await sleep(clock, pollMs, this.#stopping.signal).catch(() => {});
    }
    return false;
  }

  async #missing(): Promise<readonly LocalAddress[]> {
    const listening = await this.#parts.admin.listening();
    return this.#parts.expected().filter((at) => !listening.has(printAddress(at)));
  }

  /** Until no request is open, or for as long as limits.proxyDrainMs. */
  async #drain(): Promise<void> {
    const { clock, admin } = this.#parts;
    const untilMs = clock.monotonicMs() + limits.proxyDrainMs;
    await admin.drain();
    while (this.#process?.running && clock.monotonicMs() < untilMs) {
      const active = await admin.statistics("^http\\..*\\.downstream_rq_active$");
      // The question itself is one open request of the admin page.
      const open = [...(active ?? [])].filter(([name]) => !name.startsWith("http.admin."));
      if (open.every(([, requests]) => requests === 0)) return;
      await sleep(clock, drainPollMs);
    }
  }
}
