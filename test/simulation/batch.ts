/** A share of the schedules, in a thread of its own. */
import { parentPort, workerData } from "node:worker_threads";
import { integer, object, oneOf } from "../../src/platform/decode.ts";
import { runSchedule } from "./schedule.ts";
import { runSleeper } from "./sleeper.ts";

const share = object({ what: oneOf("schedules", "sleepers"), from: integer(0), to: integer(0), step: integer(1) });
const { what, from, to, step } = share(workerData, "workerData");

for (let seed = from; seed < to; seed += step) {
  if (what === "schedules") {
    const { lines: _lines, faults, ...outcome } = await runSchedule({ seed });
    parentPort?.postMessage({ ...outcome, faults: faults.length });
  } else parentPort?.postMessage(await runSleeper(seed));
}
