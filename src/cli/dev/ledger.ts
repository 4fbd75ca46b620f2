/**
 * What this `dev` has running, written down at once, so that the next start can end what this one could not (it was
 * killed, or the machine's power was). Envoys belong to the agent, which adopts them; those of the demo's workloads
 * stand here as well, because nobody would come back for them.
 */
import { type Clock, sleep } from "../../platform/clock.ts";
import { integer, list, object, parseJson, text } from "../../platform/decode.ts";
import { limits } from "../../platform/limits.ts";
import { isRunning, type ProcessId, signalProcess, startTimeOf } from "../../platform/process_id.ts";
import type { DevState } from "./state.ts";

const file = "processes.json";
const entries = list(object({ name: text(), pid: integer(1), startTime: text() }));

export interface LedgerEntry extends ProcessId {
  readonly name: string;
}

export class Ledger {
  readonly #state: DevState;
  readonly #entries = new Map<number, LedgerEntry>();

  constructor(state: DevState) {
    this.#state = state;
  }

  /** What an earlier run wrote down and is still running. */
  leftovers(): readonly LedgerEntry[] {
    try {
      return parseJson(this.#state.read(file) ?? "[]", entries, file).filter(isRunning);
    } catch {
      return [];
    }
  }

  /** A process that is gone already is not written down. */
  add(name: string, pid: number): void {
    const startTime = startTimeOf(pid);
    if (startTime === undefined) return;
    this.#entries.set(pid, { name, pid, startTime });
    this.#write();
  }

  remove(pid: number): void {
    if (this.#entries.delete(pid)) this.#write();
  }

  get running(): readonly LedgerEntry[] {
    return [...this.#entries.values()].filter(isRunning);
  }

  clear(): void {
    this.#entries.clear();
    this.#state.remove(file);
  }

  #write(): void {
    this.#state.write(file, JSON.stringify([...this.#entries.values()]));
  }
}

/** SIGTERM, then SIGKILL. Resolves when all have ended. */
export async function endProcesses(all: readonly ProcessId[], clock: Clock, graceMs: number): Promise<void> {
  for (const id of all) signalProcess(id, "SIGTERM");
  if (await allEnded(all, clock, graceMs)) return;
  for (const id of all) signalProcess(id, "SIGKILL");
  await allEnded(all, clock, limits.devKillMs);
}

async function allEnded(all: readonly ProcessId[], clock: Clock, withinMs: number): Promise<boolean> {
  const untilMs = clock.monotonicMs() + withinMs;
  while (all.some(isRunning)) {
    if (clock.monotonicMs() >= untilMs) return false;
    await sleep(clock, limits.devPollMs);
  }
  return true;
}
