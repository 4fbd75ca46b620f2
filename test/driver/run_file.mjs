// Runs one test file in a process group of its own and answers what happened. What a file started goes with it: it is ended when
// the file takes too long or the driver is told to stop, and a file that ends and leaves a process behind has failed. Its
// temporary directory is its own and is removed with it.

import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { Descendants } from "./descendants.mjs";

const reporter = new URL("./reporter.mjs", import.meta.url).href;
/** Of what a file printed, so much is shown when it fails: the end. */
const keptOutput = 32_768;

const running = new Set();

export function stopAll() {
  for (const abort of running) abort();
}

/** Returns {passed, failed, skipped, failures: [{name, text}], output, ms}. */
export async function runFile({ root, file, limitMs, name, update }) {
  // Short, since the paths of Unix sockets that the file makes in it must be.
  const work = mkdtempSync(join(tmpdir(), "wt-"));
  const events = join(work, ".events");
  const options = [`--test-reporter=${reporter}`, `--test-reporter-destination=${events}`];
  if (name) options.push(`--test-name-pattern=${name}`);
  const started = performance.now();
  const descendants = new Descendants(basename(work));
  try {
    const child = spawn(process.execPath, [...options, file], {
      cwd: root,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        // Half of the time of a small file is spent on erasing the types of what it imports.
        NODE_COMPILE_CACHE: join(root, "node_modules", ".weft", "compiled"),
        ...process.env,
        ...(update ? { WEFT_UPDATE: "1" } : {}),
        ...descendants.environment,
        // Set where the driver's own test runs under `node --test`: the file would then report to nobody.
        NODE_TEST_CONTEXT: undefined,
        // Whatever the file leaves there goes with it, also when it is killed.
        TMPDIR: work,
      },
    });
    descendants.group = child.pid;
    const end = await untilEnd(child, limitMs, descendants);
    return {
      ...summary(read(events), end, { filtered: name !== undefined, limitMs }),
      ms: performance.now() - started,
    };
  } finally {
    rmSync(work, { recursive: true, force: true, maxRetries: 3 });
  }
}

async function untilEnd(child, limitMs, descendants) {
  let output = "";
  const keep = (chunk) => {
    output = (output + chunk).slice(-keptOutput);
  };
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  const exited = new Promise((resolve, reject) => {
    child.on("error", reject);
    // "exit", not "close": a process that a test left behind may hold the pipes open.
    child.on("exit", (code, signal) => resolve({ code, signal }));
  });
  const { promise: aborted, resolve: abort } = Promise.withResolvers();
  running.add(abort);
  const timer = setTimeout(abort, limitMs, "timed out");
  const end = await Promise.race([exited, aborted]);
  clearTimeout(timer);
  running.delete(abort);
  const timedOut = end === "timed out";
  const left = typeof end === "object" ? await descendants.sweep() : await descendants.end().then(() => []);
  const { code, signal } = await exited;
  child.stdout.destroy();
  child.stderr.destroy();
  return { code, signal, timedOut, left, output };
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

/**
 * A file that ended badly although no test failed counts as one failure, and so does one with no test in it, and one that left
 * a process behind.
 */
function summary(tests, { code, signal, timedOut, left, output }, { filtered, limitMs }) {
  const count = (outcome) => tests.filter((test) => test.outcome === outcome).length;
  const failures = tests.filter((test) => test.outcome === "failed");
  const file = (text) => failures.push({ name: "the file as a whole", text });
  if (timedOut) file(`did not end within ${limitMs / 1000} s; a test hangs, or something it opened is still open`);
  else if (failures.length === 0 && code !== 0) file(`ended with ${signal ?? `exit ${code}`}`);
  else if (tests.length === 0 && !filtered) file("has no test in it");
  if (left.length > 0) file(`left behind:\n${left.join("\n")}`);
  return { passed: count("passed"), skipped: count("skipped"), failed: failures.length, failures, output };
}
