// The processes that a test file has started and that are still there. A process group is not enough: the parts of a mesh have
// sessions of their own. So the driver puts a mark into the file's environment, which all that it starts inherit, and looks for
// it. Where there is no /proc, only the group is seen.

import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";

const variable = "WEFT_TEST_FILE";
const pollMs = 20;
/** For a graceful stop of a whole mesh, which drains its Envoys. */
const graceMs = 10_000;
/** What was told to end and reaped by nobody yet is not left behind. */
const settleMs = 1_000;

export class Descendants {
  #group;
  #entry;

  /** @param mark of no other file; `group` is set when the file runs. */
  constructor(mark) {
    this.#entry = `${variable}=${mark}`;
    this.environment = { [variable]: mark };
  }

  set group(pid) {
    this.#group = pid;
  }

  /** After the file has ended by itself: ends what it left and answers with their command lines. */
  async sweep() {
    if (await this.#gone(() => this.#alive(), settleMs)) return [];
    const left = this.#marked().map(commandOf);
    await this.end();
    return left.length > 0 ? left : ["a process of its group"];
  }

  /** The group first: who started something knows best how to end it. Then what nobody ended. */
  async end() {
    this.#signalGroup("SIGTERM");
    await this.#gone(() => this.#groupAlive(), graceMs);
    await this.#gone(() => this.#alive(), settleMs);
    this.#signalGroup("SIGKILL");
    for (const pid of this.#marked()) signal(pid, "SIGKILL");
    await this.#gone(() => this.#alive(), settleMs);
  }

  async #gone(isThere, patienceMs) {
    for (const fromMs = performance.now(); isThere(); await wait(pollMs)) {
      if (performance.now() - fromMs > patienceMs) return false;
    }
    return true;
  }

  #alive() {
    return this.#groupAlive() || this.#marked().length > 0;
  }

  #groupAlive() {
    return this.#signalGroup(0);
  }

  #signalGroup(what) {
    return this.#group !== undefined && signal(-this.#group, what);
  }

  #marked() {
    return pids().filter((pid) => read(`/proc/${pid}/environ`).split("\0").includes(this.#entry));
  }
}

function pids() {
  try {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}

function commandOf(pid) {
  return `${pid} ${read(`/proc/${pid}/cmdline`).replaceAll("\0", " ").trim().slice(0, 300)}`;
}

/** A file of a process that has ended, or is another user's, says nothing. */
function read(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function signal(pid, what) {
  try {
    process.kill(pid, what);
    return true;
  } catch {
    return false;
  }
}
