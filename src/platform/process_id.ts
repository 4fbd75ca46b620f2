/**
 * Which process is meant: its pid and when it started, together. A pid alone comes back for somebody else, and what is
 * written down about a process (so that it can be ended or adopted later) may be old.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

export interface ProcessId {
  readonly pid: number;
  /** Opaque, as the system tells it. */
  readonly startTime: string;
}

/** undefined: there is no such process, or only its corpse. */
export function startTimeOf(pid: number): string | undefined {
  return process.platform === "linux" ? startTimeFromProc(pid) : startTimeFromPs(pid);
}

export function isRunning({ pid, startTime }: ProcessId): boolean {
  return startTimeOf(pid) === startTime;
}

/** Sends nothing when that process is gone, whoever has its pid now. */
export function signalProcess(id: ProcessId, signal: NodeJS.Signals): void {
  if (!isRunning(id)) return;
  try {
    process.kill(id.pid, signal);
  } catch {
    // It ended in between, or became somebody else's.
  }
}

function startTimeFromProc(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    // proc(5): the name, field 2, may hold spaces and brackets; state is field 3, start time in ticks field 22.
    const after = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return after[0] === "Z" || after[0] === "X" ? undefined : after[19];
  } catch {
    return undefined;
  }
}

function startTimeFromPs(pid: number): string | undefined {
  try {
    const line = execFileSync("ps", ["-o", "stat=,lstart=", "-p", String(pid)], { encoding: "utf8" }).trim();
    return line === "" || line.startsWith("Z") ? undefined : line.replace(/^\S+\s+/, "");
  } catch {
    return undefined;
  }
}
