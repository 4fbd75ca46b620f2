/**
 * All supervised processes of this run: makes them, keeps the ledger of what runs and their logs within bounds, tells
 * what was started again. A part is in the list from before its first start until it has been stopped, so a start that
 * is broken off leaves nothing.
 */
import { cutLog } from "../../platform/bounded_log.ts";
import type { Clock, Timer } from "../../platform/clock.ts";
import { limits } from "../../platform/limits.ts";
import type { DevConsole } from "./console.ts";
import type { Ledger } from "./ledger.ts";
import type { Launch, PartSpec } from "./part.ts";
import type { DevState } from "./state.ts";
import { Supervisor, type SupervisorEvents } from "./supervisor.ts";

export interface PartsOptions {
  readonly state: DevState;
  readonly ledger: Ledger;
  readonly launch: Launch;
  readonly clock: Clock;
  readonly console: DevConsole;
}

export class Parts {
  readonly #options: PartsOptions;
  readonly #events: SupervisorEvents;
  readonly #listeners = new Set<() => void>();
  readonly #logs = new Set<string>();
  readonly #logCheck: Timer;

  constructor(options: PartsOptions) {
    this.#options = options;
    const { console, ledger } = options;
    this.#events = {
      started: ({ name, pid, again }) => {
        ledger.add(name, pid);
        if (!again) return;
        for (const listener of this.#listeners) listener();
        console.restarted(name, pid);
      },
      ended: ({ name, how, logPath }) => console.warn(`${name} ended (${how}); its log: ${logPath}`),
      gone: (pid) => ledger.remove(pid),
    };
    this.#logCheck = options.clock.every(limits.logCheckMs, () => {
      for (const path of this.#logs) cutLog(path);
    });
  }

  /** When all parts have been stopped. */
  close(): void {
    this.#logCheck.cancel();
  }

  /** Called whenever a part has a new pid. */
  onNewPid(listener: () => void): void {
    this.#listeners.add(listener);
  }

  make(spec: Omit<PartSpec, "logPath">): Supervisor {
    const { launch, clock, state } = this.#options;
    const logPath = state.log(spec.name);
    this.#logs.add(logPath);
    return new Supervisor({
      spec: { ...spec, logPath },
      launch,
      clock,
      events: this.#events,
    });
  }
}
