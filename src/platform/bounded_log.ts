/**
 * The log file of a program that we start: its standard error, appended to, for its user alone. It has no end of its own,
 * so whoever started the program calls `cutLog` now and then: above the limit the file becomes NAME.1, in place of the
 * one before, and begins anew. The program notices nothing, since it appends; lines that it writes during the copy are
 * lost.
 */
import { copyFileSync, openSync, statSync, truncateSync } from "node:fs";
import { limits } from "./limits.ts";

/** For `stdio`; the caller closes it. */
export function openLog(path: string): number {
  return openSync(path, "a", 0o600);
}

export function cutLog(path: string, mostBytes: number = limits.logBytes): void {
  try {
    if (statSync(path).size <= mostBytes) return;
    try {
      copyFileSync(path, `${path}.1`);
    } finally {
      // Also on a full disk: then its end is lost, and the disk has room.
      truncateSync(path, 0);
    }
  } catch {
    // It is gone with its owner, or cannot be copied: the next look will tell.
  }
}
