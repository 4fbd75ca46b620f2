// The check of the check: each planted bug is found, and within how many seeds.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { planted, plantedBugs } from "./planted.ts";
import { runSchedule } from "./schedule.ts";
import { runSleeper } from "./sleeper.ts";

/** Most need one or two; some need a rare meeting of events. */
const seedsAtMost = 60;

describe("every planted bug is caught", () => {
  for (const bug of plantedBugs) {
    test(bug, async (t) => {
      for (let seed = 1; seed <= seedsAtMost; seed++) {
        const { violation } = await runSchedule({ seed, plant: planted[bug] });
        if (violation === undefined) continue;
        t.diagnostic(`seed ${seed}: ${violation}`);
        return;
      }
      assert.fail(`not found in ${seedsAtMost} seeds`);
    });
  }
});

test("a sleeper without compare-and-set is caught", async () => {
  for (let seed = 1; seed <= seedsAtMost; seed++) {
    const { violation, accepted } = await runSleeper(seed, planted["no compare-and-set for actors"]);
    if (violation !== undefined || accepted > 0) return;
  }
  assert.fail(`not found in ${seedsAtMost} seeds`);
});
