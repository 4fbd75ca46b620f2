/**
 * One process at a time has a thing: a state directory, a host's Envoys. The lock is a file that names its holder by pid
 * and start time, so one that outlived its holder is nobody's. It is made by linking a finished file into place, which
 * only one of several can do.
 */
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { integer, object, parseJson, text } from "./decode.ts";
import { WeftError } from "./error.ts";
import { isRunning, type ProcessId, startTimeOf } from "./process_id.ts";

/** Each ends with a new holder, who may have ended by the next: this many are bad luck. */
const mostRounds = 10;

const holder = object({ pid: integer(1), startTime: text() });

export type Locked =
  | { readonly kind: "taken"; giveBack(): void }
  /** By another process that lives. */
  | { readonly kind: "held"; readonly pid: number };

export function takeLock(path: string, who: ProcessId = thisProcess()): Locked {
  const mine = `${path}.${who.pid}`;
  writeFileSync(mine, JSON.stringify(who), { mode: 0o600 });
  try {
    for (let round = 0; round < mostRounds; round++) {
      if (link(mine, path)) return { kind: "taken", giveBack: () => release(path, who) };
      const held = read(path);
      if (held && isRunning(held)) return { kind: "held", pid: held.pid };
      removeStale(path, mine, held);
    }
  } finally {
    rmSync(mine, { force: true });
  }
  const because = "several start at once";
  throw new WeftError({ code: "conflict", retry: "later", attempted: `take ${path}`, because, next: "try again" });
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
    return parseJson(readFileSync(path, "utf8"), holder, path);
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
