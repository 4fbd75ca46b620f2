// Runs other programs for set-up: bounded output, no stdin, and none of them outlives set-up.

import { spawn } from "node:child_process";
import { SetupError } from "./progress.mjs";

/** Output kept for the error message; the end of a log says what failed. */
const keptBytes = 16_384;

const running = new Set();
let stopping = false;

/**
 * Runs a program to its end. `show` lets its output through to stderr (progress bars); otherwise its last lines appear only in
 * the error. Resolves to what it printed on stdout, unless shown.
 */
export function run(command, args, { cwd, env = process.env, show = false } = {}) {
  return new Promise((resolve, reject) => {
    if (stopping) throw new SetupError("stopped");
    const child = spawn(command, args, { cwd, env, stdio: ["ignore", show ? 2 : "pipe", show ? 2 : "pipe"] });
    running.add(child);
    const [stdout, both] = [tail(), tail()];
    child.stdout?.on("data", (chunk) => {
      stdout.add(chunk);
      both.add(chunk);
    });
    child.stderr?.on("data", both.add);
    child.on("error", (cause) => {
      running.delete(child);
      reject(new SetupError(`cannot start ${command}: ${cause.message}`, { cause }));
    });
    child.on("close", (code, signal) => {
      running.delete(child);
      if (code === 0) resolve(stdout.text());
      else
        reject(
          new SetupError(`${command} ${args[0] ?? ""} failed (${signal ?? `exit ${code}`})\n${both.text()}`.trim()),
        );
    });
  });
}

/** Called when set-up itself is told to stop: ends what runs, and lets nothing more start. */
export function stopChildren(signal) {
  stopping = true;
  for (const child of running) child.kill(signal);
}

function tail() {
  let kept = "";
  return {
    add: (chunk) => {
      kept = (kept + chunk).slice(-keptBytes);
    },
    text: () => kept,
  };
}
