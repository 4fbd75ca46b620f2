// One set-up at a time in a checkout: two would empty node_modules under each other.
//
// The lock is a file made exclusively, holding the pid. Its owner touches it while it works. It is taken over when its owner, on
// this host, is dead, or when nobody has touched it for longer than an owner could forget to (another container's pid says nothing).

import { readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { lockFile } from "./paths.mjs";
import { say } from "./progress.mjs";

const touchEveryMs = 5_000;
const abandonedAfterMs = 60_000;
const pollMs = 100;

/** Runs `work` while no other set-up of this checkout runs. */
export async function withLock(work, file = lockFile) {
  let told = false;
  while (!take(file)) {
    if (!told) say(`another set-up of this checkout is running (${owner(file)?.pid ?? "unknown"}); waiting for it`);
    told = true;
    await sleep(pollMs);
  }
  const touching = setInterval(() => utimesSync(file, new Date(), new Date()), touchEveryMs);
  try {
    return await work();
  } finally {
    clearInterval(touching);
    rmSync(file, { force: true });
  }
}

function take(file) {
  try {
    writeFileSync(file, JSON.stringify({ pid: process.pid, host: hostname() }), { flag: "wx" });
    return true;
  } catch (error) {
    if (error.code !== "EEXIST") throw error;
    if (isAbandoned(file)) removeAbandoned(file);
    return false;
  }
}

function isAbandoned(file) {
  try {
    const idleMs = Date.now() - statSync(file).mtimeMs;
    const who = owner(file);
    const isDead = who !== undefined && who.host === hostname() && !isAlive(who.pid);
    return isDead || idleMs > abandonedAfterMs;
  } catch {
    return false; // released in this moment
  }
}

/** Renaming first makes sure that of several waiters only one removes this very file. */
function removeAbandoned(file) {
  const aside = `${file}.${process.pid}`;
  try {
    renameSync(file, aside);
  } catch {
    return;
  }
  rmSync(aside, { force: true });
}

/** Undefined while the owner is still writing. */
function owner(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return undefined;
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}
