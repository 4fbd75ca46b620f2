/**
 * Keeps one part of the mesh running until it is stopped.
 *
 *   starting ──ready──▶ running ──ends──▶ waiting ──▶ starting        stop: any state ──▶ stopped
 *      └──ends, or is not ready in time (killed)──▶ waiting
 *
 * The first start is the caller's: it fails when the part does. After that what dies is started again, at once when it
 * had run steadily (or after the part's own shortest wait), else after a wait that doubles. Every start again is told with its new pid.
 */
import { type Clock, sleep } from "../../platform/clock.ts";
import { WeftError } from "../../platform/error.ts";
import { limits } from "../../platform/limits.ts";
import { type Launch, type Launched, lastLines, type PartSpec, untilAborted } from "./part.ts";

export interface SupervisorEvents {
  /** A process of the part runs; `again`: another did before. */
  started(part: { readonly name: string; readonly pid: number; readonly again: boolean }): void;
  /** It has ended without being asked to. */
  ended(part: { readonly name: string; readonly pid: number; readonly how: string; readonly logPath: string }): void;
  /** Nobody has its pid any more. */
  gone(pid: number): void;
}

export interface SupervisorOptions {
  readonly spec: PartSpec;
  readonly launch: Launch;
  readonly clock: Clock;
  readonly events: SupervisorEvents;
}

/** @param deaths in a row, each soon after its start; 0 for one that had run steadily. */
export function restartDelayMs(deaths: number): number {
  if (deaths === 0) return 0;
  return Math.min(limits.devRestartLongestMs, limits.devRestartFirstMs * 2 ** (deaths - 1));
}

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #stopping = new AbortController();
  #process: Launched | undefined;
  #pid = 0;
  #loop: Promise<void> = Promise.resolve();

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.spec.name;
  }

  /** Of the process that runs, or of the last one. */
  get pid(): number {
    return this.#pid;
  }

  /**
   * Resolves when the part is ready. Rejects with the end of its log when it failed, with the signal's reason when that
   * came first; `stop` ends it in any case.
   */
  async start(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const startedMs = this.#options.clock.monotonicMs();
    const process = this.#launch(false);
    if (!process) throw this.#failed("it cannot be run");
    const ended = await this.#untilReady(process, AbortSignal.any([signal, this.#stopping.signal]));
    signal.throwIfAborted();
    if (ended !== undefined) throw this.#failed(ended);
    this.#loop = this.#keepRunning(process, startedMs);
  }

  /** Ends the process; the supervisor starts the next at once. For a part whose command has changed. */
  replace(): void {
    this.#process?.kill("SIGTERM");
  }

  /** SIGTERM, then SIGKILL after a while, or as soon as `hurry` is aborted. Resolves when it has ended. */
  async stop(hurry: AbortSignal): Promise<void> {
    this.#stopping.abort(new Error("stopped"));
    const process = this.#process;
    if (process) {
      process.kill("SIGTERM");
      await this.#killUnlessEnded(process, hurry);
    }
    await this.#loop;
  }

  async #killUnlessEnded(process: Launched, hurry: AbortSignal): Promise<void> {
    const kill = (): void => process.kill("SIGKILL");
    const patience = this.#options.clock.after(limits.devStopMs, kill);
    if (hurry.aborted) kill();
    hurry.addEventListener("abort", kill, { once: true });
    await process.exited;
    hurry.removeEventListener("abort", kill);
    patience.cancel();
  }

  async #keepRunning(first: Launched, firstStartedMs: number): Promise<void> {
    const { clock } = this.#options;
    const stop = this.#stopping.signal;
    let process: Launched | undefined = first;
    let startedMs = firstStartedMs;
    let deaths = 0;
    for (;;) {
      const how = process ? await process.exited : "it cannot be run";
      if (stop.aborted) return;
      this.#tellEnded(how);
      deaths = clock.monotonicMs() - startedMs >= limits.devSteadyMs ? 0 : deaths;
      const waitMs = Math.max(restartDelayMs(deaths++), this.#options.spec.restartAfterMs ?? 0);
      await sleep(clock, waitMs, stop).catch(() => {});
      if (stop.aborted) return;
      startedMs = clock.monotonicMs();
      process = this.#launch(true);
      // One that hangs at its start is killed by this; how it ended is read above.
      if (process) await this.#untilReady(process, stop);
    }
  }

  /** Kills what is not ready in time. @returns how it ended, when it did instead. */
  async #untilReady(process: Launched, signal: AbortSignal): Promise<string | undefined> {
    const { clock } = this.#options;
    const late = new AbortController();
    const timer = clock.after(limits.devReadyMs, () => late.abort());
    const patience = AbortSignal.any([signal, late.signal]);
    try {
      return await Promise.race([
        process.exited,
        untilAborted(process.ready(patience), patience).then(() => undefined),
      ]);
    } catch {
      if (!late.signal.aborted) return undefined;
      process.kill("SIGKILL");
      await process.exited;
      return `it was not ready within ${limits.devReadyMs / 1_000} s`;
    } finally {
      timer.cancel();
    }
  }

  #launch(again: boolean): Launched | undefined {
    const { launch, spec, events } = this.#options;
    const launched = launch(spec);
    if (launched.pid === undefined) {
      this.#process = undefined;
      return undefined;
    }
    this.#process = launched;
    this.#pid = launched.pid;
    const { pid } = launched;
    events.started({ name: spec.name, pid, again });
    void launched.exited.then(() => {
      if (this.#process === launched) this.#process = undefined;
      events.gone(pid);
    });
    return launched;
  }

  #tellEnded(how: string): void {
    const { spec, events } = this.#options;
    events.ended({ name: spec.name, pid: this.#pid, how, logPath: spec.logPath });
  }

  #failed(how: string): WeftError {
    const { name, logPath } = this.#options.spec;
    const log = lastLines(logPath);
    const shown = log.length > 0 ? `\n${log.map((line) => `  | ${line}`).join("\n")}` : "";
    return new WeftError({
      code: "unavailable",
      retry: "later",
      attempted: `start ${name}`,
      because: how,
      next: `its log is ${logPath}${shown}`,
    });
  }
}
