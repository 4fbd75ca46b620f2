// Runs one test file in a process group of its own and answers what happened. The group is ended as a whole when the file takes
// too long or the driver is told to stop, so that what a test started goes with it; nothing else is ever signalled.

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const reporter = new URL("./reporter.mjs", import.meta.url).href;
/** Between asking a group to end and ending it. */
const graceMs = 5_000;
/** Of what a file printed, so much is shown when it fails: the end. */
const keptOutput = 32_768;

const running = new Set();

export function stopAll() {
  for (const child of running) endGroup(child);
}

/** Returns {passed, failed, skipped, failures: [{name, text}], output, ms}. */
export async function runFile({ root, file, limitMs, name, update }) {
  const work = mkdtempSync(join(tmpdir(), "weft-test-"));
  const events = join(work, "events");
  const options = [`--test-reporter=${reporter}`, `--test-reporter-destination=${events}`];
  if (name) options.push(`--test-name-pattern=${name}`);
  const started = performance.now();
  try {
    const child = spawn(process.execPath, [...options, file], {
      cwd: root,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...(update ? { WEFT_UPDATE: "1" } : {}) },
    });
    const end = await untilEnd(child, limitMs);
    return {
      ...summary(read(events), end, { filtered: name !== undefined, limitMs }),
      ms: performance.now() - started,
    };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function untilEnd(child, limitMs) {
  return new Promise((resolve, reject) => {
    running.add(child);
    let output = "";
    let timedOut = false;
    const keep = (chunk) => {
      output = (output + chunk).slice(-keptOutput);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    const timer = setTimeout(() => {
      timedOut = true;
      endGroup(child);
    }, limitMs);
    child.on("error", reject);
    // "exit", not "close": a process that a test left behind may hold the pipes open.
    child.on("exit", (code, signal) => {
      clearTimeout(timer);
      running.delete(child);
      killGroup(child, "SIGKILL");
      setImmediate(() => {
        child.stdout.destroy();
        child.stderr.destroy();
        resolve({ code, signal, timedOut, output });
      });
    });
  });
}

function endGroup(child) {
  killGroup(child, "SIGTERM");
  setTimeout(() => killGroup(child, "SIGKILL"), graceMs).unref();
}

function killGroup(child, signal) {
  try {
    process.kill(-child.pid, signal);
  } catch {
    // The group has ended already.
  }
}

function read(events) {
  try {
    return readFileSync(events, "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line));
  } catch {
    return [];
  }
}

/** A file that ended badly although no test failed counts as one failure, and so does one with no test in it. */
function summary(tests, { code, signal, timedOut, output }, { filtered, limitMs }) {
  const count = (outcome) => tests.filter((test) => test.outcome === outcome).length;
  const failures = tests.filter((test) => test.outcome === "failed");
  const file = (text) => failures.push({ name: "the file as a whole", text });
  if (timedOut) file(`did not end within ${limitMs / 1000} s; a test hangs, or something it opened is still open`);
  else if (failures.length === 0 && code !== 0) file(`ended with ${signal ?? `exit ${code}`}`);
  else if (tests.length === 0 && !filtered) file("has no test in it");
  return { passed: count("passed"), skipped: count("skipped"), failed: failures.length, failures, output };
}
