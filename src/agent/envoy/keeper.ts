/**
 * Keeps one workload's Envoy running:
 *
 *   start or adopt ──▶ configuring ──live and listening──▶ ready ──exit──▶ down ──wait──▶ start …
 *                          └───────────────exit──────────────────────────▶ down
 *   stop, in any state: drain, SIGTERM, SIGKILL, over
 *
 * An Envoy that is started again has the same ports, except for what `prepare` changed. Waits between starts double until
 * one of them lived for a while. An Envoy that cannot be started is over when none ran before it; else it is tried again,
 * since what is missing (memory, a file handle) may be there later. Its log is kept within bounds.
 */
import type { LocalAddress } from "../../model/workload.ts";
import { cutLog } from "../../platform/bounded_log.ts";
import { sleep, type Timer } from "../../platform/clock.ts";
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
  admin(): EnvoyAdmin;
  /** Where it must listen to count as configured. */
  expected(): readonly LocalAddress[];
  /** Before each start. */
  prepare(): Promise<void>;
  readonly events: KeeperEvents;
}

export class EnvoyKeeper {
  readonly #parts: KeeperParts;
  readonly #stopping = new AbortController();
  #process: EnvoyProcess | undefined;
  #ranBefore = false;
  #logCheck: Timer | undefined;
  #over: Promise<void> = Promise.resolve();

  constructor(parts: KeeperParts) {
    this.#parts = parts;
  }

  /** @param left an Envoy of an agent before this one, to be adopted if it still runs. */
  begin(left?: ProcessId): void {
    const { clock, command } = this.#parts;
    this.#ranBefore = left !== undefined;
    this.#logCheck = clock.every(limits.logCheckMs, () => cutLog(command.logPath));
    const adopted = left && adoptEnvoy(clock, left);
    this.#over = this.#keep(adopted).catch((cause) => this.#parts.events.failed(WeftError.from(cause, "run Envoy")));
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    if (this.#process?.running) {
      await this.#drain();
      await this.#process.stop();
    }
    await this.#over;
    this.#logCheck?.cancel();
  }

  async #keep(adopted: EnvoyProcess | undefined): Promise<void> {
    const { clock, random, events, log, command } = this.#parts;
    for (let deaths = 0, next = adopted; !this.#stopping.signal.aborted; next = undefined) {
      const sinceMs = clock.monotonicMs();
      const process = next ?? (await this.#start());
      if (process) await this.#watch(process);
      if (this.#stopping.signal.aborted) return;
      deaths = clock.monotonicMs() - sinceMs > steadyMs ? 0 : deaths + 1;
      if (process) {
        log.warn("envoy-died", { pid: process.id.pid, deaths, log: command.logPath });
        events.down();
      }
      const delayMs = deaths === 0 ? 0 : backoffMs(random, restartBackoff, deaths - 1);
      await sleep(clock, delayMs, this.#stopping.signal).catch(() => {});
    }
  }

  /** undefined: it could not be started, or is to be stopped. */
  async #start(): Promise<EnvoyProcess | undefined> {
    const { clock, command, log, prepare } = this.#parts;
    try {
      await prepare();
      if (this.#stopping.signal.aborted) return undefined;
      const process = startEnvoy(clock, command);
      this.#ranBefore = true;
      return process;
    } catch (cause) {
      if (!this.#ranBefore) throw cause;
      log.error("envoy-not-started", { because: WeftError.from(cause, "start Envoy").message });
      return undefined;
    }
  }

  /** Resolves when it has ended. */
  async #watch(process: EnvoyProcess): Promise<void> {
    const { events } = this.#parts;
    this.#process = process;
    events.started(process.id);
    if (await this.#configured(process)) events.ready();
    await process.exited;
  }

  /** Resolves with true when it is configured, with false when it ended before or is to be stopped. */
  async #configured(process: EnvoyProcess): Promise<boolean> {
    const { clock, admin, events } = this.#parts;
    const sinceMs = clock.monotonicMs();
    let saidMs = sinceMs;
    while (process.running && !this.#stopping.signal.aborted) {
      const live = await admin().live();
      const missing = live ? await this.#missing() : this.#parts.expected();
      if (this.#stopping.signal.aborted) return false;
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
    const listening = await this.#parts.admin().listening();
    return this.#parts.expected().filter((at) => !listening.has(printAddress(at)));
  }

  /** Until no request is open, or for as long as limits.proxyDrainMs. */
  async #drain(): Promise<void> {
    const { clock } = this.#parts;
    const admin = this.#parts.admin();
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
