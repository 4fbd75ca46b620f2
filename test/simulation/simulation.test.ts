// The simulator over its own schedules: nothing is violated, and a seed is a history.

import assert from "node:assert/strict";
import { test } from "node:test";
import { faultKinds } from "./faults.ts";
import { type Outcome, runSchedule } from "./schedule.ts";
import { runSleeper } from "./sleeper.ts";

const schedules = 200;
const sleepers = 60;

function replayed({ seed, violation }: Pick<Outcome, "seed" | "violation">): string {
  return `seed ${seed}: ${violation}\nreplay: npm run sim -- --seed ${seed} --trace`;
}

test(`${schedules} schedules: whatever goes wrong, nothing acknowledged is lost, and all converge`, async () => {
  const seen = new Set<string>();
  for (let seed = 1; seed <= schedules; seed++) {
    const outcome = await runSchedule({ seed });
    assert.equal(outcome.violation, undefined, replayed(outcome));
    assert.ok(outcome.events >= 500, `seed ${seed} has ${outcome.events} events`);
    assert.ok(outcome.faults.length >= 5, `seed ${seed} has ${outcome.faults.length} faults`);
    for (const { kind } of outcome.faults) seen.add(kind);
  }
  assert.deepEqual([...seen].sort(), [...faultKinds].sort(), "every kind of fault has its turn");
});

test("one seed is one history, another is another", async () => {
  const first = await runSchedule({ seed: 3, keepTrace: true });
  const again = await runSchedule({ seed: 3 });
  const other = await runSchedule({ seed: 4 });

  assert.equal(again.hash, first.hash);
  assert.deepEqual([again.events, again.commits], [first.events, first.commits]);
  assert.notEqual(other.hash, first.hash);
  assert.equal(first.lines.length, first.events);
});

test(`${sleepers} owners that sleep for five suspicion times: nothing they had in hand is accepted`, async () => {
  let tried = 0;
  for (let seed = 1; seed <= sleepers; seed++) {
    const outcome = await runSleeper(seed);
    assert.equal(outcome.violation, undefined, replayed(outcome));
    assert.ok(outcome.overtaken, `seed ${seed}: nobody took the actor over`);
    assert.equal(outcome.accepted, 0, `seed ${seed}: a write of the sleeper was accepted`);
    tried += outcome.tried;
  }
  assert.ok(tried > sleepers / 4, `only ${tried} sleepers tried to write`);
});
