/**
 * One `dev` for a state directory. The lock names its holder by pid and start time, so a lock that outlived its holder
 * is nobody's. It is made by linking a finished file into place, which only one of several can do.
 */
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { integer, object, text } from "../../platform/decode.ts";
import { isRunning, type ProcessId, startTimeOf } from "../../platform/process_id.ts";
import { CommandFailure, exit } from "../exit.ts";

export const lockName = "lock";

const holder = object({ pid: integer(1), startTime: text() });

/** @returns what gives the lock back. Throws, naming the holder, when another process has it. */
export function takeLock(path: string, who: ProcessId = thisProcess()): () => void {
  const mine = `${path}.${who.pid}`;
  writeFileSync(mine, JSON.stringify(who), { mode: 0o600 });
  try {
    // A stale lock may be taken away by several at once; each round then ends with one new holder.
    for (let round = 0; round < 10; round++) {
      if (link(mine, path)) return () => release(path, who);
      const held = read(path);
      if (held && isRunning(held)) throw alreadyRuns(path, held.pid);
      removeStale(path, mine, held);
    }
  } finally {
    rmSync(mine, { force: true });
  }
  throw new CommandFailure(exit.failed, `${path}: several start at once; try again`);
}

function thisProcess(): ProcessId {
  return { pid: process.pid, startTime: startTimeOf(process.pid) ?? "" };
}

function link(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "EEXIST") return false;
    throw cause;
  }
}

function read(path: string): ProcessId | undefined {
  try {
    return holder(JSON.parse(readFileSync(path, "utf8")), "lock");
  } catch {
    return undefined;
  }
}

/** Moves the lock aside and looks again: another may have replaced the stale one by its own in between. */
function removeStale(path: string, mine: string, stale: ProcessId | undefined): void {
  const aside = `${mine}.stale`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  const moved = read(aside);
  const isStale = moved?.pid === stale?.pid && moved?.startTime === stale?.startTime;
  if (!isStale) link(aside, path);
  rmSync(aside, { force: true });
}

function release(path: string, who: ProcessId): void {
  const held = read(path);
  if (held?.pid === who.pid && held.startTime === who.startTime) rmSync(path, { force: true });
}

function alreadyRuns(path: string, pid: number): CommandFailure {
  const directory = path.slice(0, path.lastIndexOf("/"));
  return new CommandFailure(exit.failed, `a mesh already runs in ${directory}: meshctl dev, pid ${pid}`);
}
