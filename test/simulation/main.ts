/**
 * The simulator's command.
 *
 *   npm run sim -- --seed 7 [--trace]               one schedule, again: its trace's hash, its faults, its violation
 *   npm run sim -- --schedules 10000 [--from 1]     many, on every core; the rate, and each violation with its replay
 *   npm run sim -- --sleepers 1000                  owners stopped for five suspicion times
 *   … --json                                        the outcome as one JSON object
 *
 * The exit code is 1 when anything was violated.
 */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { Command } from "commander";
import { runSchedule } from "./schedule.ts";

interface Told {
  readonly seed: number;
  readonly violation: string | undefined;
  readonly [field: string]: unknown;
}

const program = new Command("sim")
  .option("--seed <n>", "run one schedule", Number)
  .option("--trace", "with --seed: print everything that happened")
  .option("--schedules <n>", "run many", Number)
  .option("--sleepers <n>", "run owners that are stopped and go on", Number)
  .option("--from <n>", "first seed", Number, 1)
  .option("--json", "print one JSON object")
  .parse();

interface Options {
  readonly seed?: number;
  readonly trace?: true;
  readonly schedules?: number;
  readonly sleepers?: number;
  readonly from: number;
  readonly json?: true;
}

const options: Options = program.opts();
if (options.seed !== undefined) await one(options.seed);
else if (options.sleepers !== undefined) await many("sleepers", options.sleepers);
else await many("schedules", options.schedules ?? 100);

async function one(seed: number): Promise<void> {
  const outcome = await runSchedule({ seed, keepTrace: true });
  const { lines, faults, ...rest } = outcome;
  if (options.json) return end({ ...rest, faults }, outcome.violation === undefined);
  for (const line of options.trace ? lines : lines.slice(-25)) console.log(line);
  for (const { kind, atMs, forMs, node, other } of faults) {
    console.log(`${atMs.toFixed(0).padStart(6)} ms  ${kind} n${node} n${other} for ${forMs.toFixed(0)} ms`);
  }
  const { hash, events, commits, violation } = outcome;
  console.log(`seed ${seed}: hash ${hash}, ${events} events, ${commits} records written, ${faults.length} faults`);
  console.log(violation === undefined ? "no violation" : `VIOLATION: ${violation}`);
  end(undefined, violation === undefined);
}

async function many(what: "schedules" | "sleepers", count: number): Promise<void> {
  const startedMs = performance.now();
  const { from } = options;
  const violations: Told[] = [];
  const sums = new Map<string, number>();
  let done = 0;
  const take = (told: Told): void => {
    done++;
    for (const [field, value] of Object.entries(told)) {
      const more = typeof value === "number" ? value : value === true ? 1 : undefined;
      if (more !== undefined && field !== "seed") sums.set(field, (sums.get(field) ?? 0) + more);
    }
    if (told.violation === undefined && told.accepted !== 1) return;
    violations.push(told);
    if (options.json) return;
    console.log(
      `VIOLATION in seed ${told.seed}: ${told.violation}\n  replay: npm run sim -- --seed ${told.seed} --trace`,
    );
  };
  const step = Math.min(availableParallelism(), count);
  const shares = Array.from({ length: step }, (_, at) => ({ what, from: from + at, to: from + count, step }));
  await Promise.all(shares.map((share) => run(share, take)));
  const seconds = (performance.now() - startedMs) / 1_000;
  const rate = done / seconds;
  if (options.json)
    return end({ [what]: done, violations, seconds, rate, ...Object.fromEntries(sums) }, !violations.length);
  const totals = [...sums].map(([field, sum]) => `${sum} ${field}`).join(", ");
  console.log(`${done} ${what} in ${seconds.toFixed(1)} s, ${rate.toFixed(1)} a second: ${totals}`);
  console.log(`${violations.length} violations`);
  end(undefined, violations.length === 0);
}

function run(share: object, take: (told: Told) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("batch.ts", import.meta.url), { workerData: share });
    worker.on("message", take);
    worker.on("error", reject);
    worker.on("exit", (code) => (code === 0 ? resolve() : reject(new Error(`a thread ended with ${code}`))));
  });
}

function end(result: unknown, good: boolean): void {
  if (result !== undefined) console.log(JSON.stringify(result));
  process.exitCode = good ? 0 : 1;
}
