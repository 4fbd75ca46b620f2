// The test driver: `npm test [-- PATTERN… [--name REGEX] [--update]]`. Each test file runs in a process of its own under Node's
// test runner, so that a file that hangs or crashes is one failure and not the end. Two run at a time, the long ones first, so
// that the short ones fill both cores to the end. Last and alone come those where it counts how soon something happens: they
// would measure each other.
//
// PATTERN is part of a file's path; --name goes to the runner; --update sets WEFT_UPDATE=1, which golden tests read.
// The last line is `N passed, N failed` (`, N skipped`). Exit 1 on any failure, and when nothing ran.

import { globSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { describeFile } from "./driver/report.mjs";
import { runFile, stopAll } from "./driver/run_file.mjs";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
/** They start real meshes, nats-servers, Envoys. */
const heavy = /^test\/(mesh|real)\//;
/** Of those, the ones that assert no times, or times that a busy machine keeps too. What is not named here runs alone. */
const patient =
  /^test\/(mesh\/(contract|dev_killed|first_light|requests_past_policy|security_\w+)|real\/(?!store_outage)\w+)\.test\.ts$/;
/** What takes longest comes first; within a class by name. */
const longestFirst = [/^test\/simulation\//, heavy, /./];
/** Two cores are what a small machine has; nothing here gains from more. */
const atOnce = 2;
/** For a file that hangs: several times what the longest takes, because a busy machine may have little left for it. */
const lightLimitMs = 360_000;
const heavyLimitMs = 480_000;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { name: { type: "string" }, update: { type: "boolean", default: false } },
});

const files = globSync(["test/**/*.test.ts", "{setup,test}/**/*.test.mjs"], { cwd: root })
  .filter((file) => positionals.length === 0 || positionals.some((pattern) => file.includes(pattern)))
  .sort();

const total = { passed: 0, failed: 0, skipped: 0 };
let filesMs = 0;
let stopped = false;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) {
  process.on(signal, () => {
    stopped = true;
    stopAll();
  });
}

const together = files.filter((file) => !heavy.test(file) || patient.test(file));
await runAll(
  longestFirst.flatMap((_, at) => together.filter((file) => longestFirst.findIndex((one) => one.test(file)) === at)),
  atOnce,
);
await runAll(
  files.filter((file) => !together.includes(file)),
  1,
);

const seconds = (ms) => `${(ms / 1000).toFixed(0)} s`;
if (files.length > 1) console.log(`${seconds(filesMs)} of files in ${seconds(performance.now())}`);
const ran = total.passed + total.failed > 0;
if (!ran) console.log(nothing());
const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : "";
console.log(`${total.passed} passed, ${total.failed} failed${skipped}`);
process.exitCode = stopped ? 130 : ran && total.failed === 0 ? 0 : 1;

function nothing() {
  if (files.length > 0 && values.name !== undefined) return `no test's name matches ${values.name}`;
  return positionals.length > 0 ? `no test file matches ${positionals.join(", ")}` : "there are no tests";
}

async function runAll(files, atOnce) {
  const waiting = [...files];
  const worker = async () => {
    for (let file = waiting.shift(); file !== undefined && !stopped; file = waiting.shift()) {
      const limitMs = heavy.test(file) ? heavyLimitMs : lightLimitMs;
      const result = await runFile({ root, file, limitMs, name: values.name, update: values.update });
      if (stopped) return;
      for (const key of Object.keys(total)) total[key] += result[key];
      filesMs += result.ms;
      console.log(describeFile(file, result));
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
