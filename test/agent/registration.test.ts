// What a host tells of itself is whole: a set that lacks a workload withdraws it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Registration } from "../../src/agent/registration.ts";
import { silentLogger } from "../../src/platform/log.ts";
import { seededRandom } from "../../src/platform/random.ts";
import { ManualClock } from "../support/manual_clock.ts";

test("an agent that takes up its workloads one by one tells of none before it has them all", async () => {
  let adopted = 0;
  const adoptedWhenRead: number[] = [];
  const registration = new Registration({
    ...{ clock: new ManualClock(), random: seededRandom(1), log: silentLogger },
    signal: new AbortController().signal,
    current: () => {
      adoptedWhenRead.push(adopted);
      return { workloads: [] };
    },
    put: async () => ({ revision: "1", endpointsToken: "", refused: [] }),
  });
  const told = [1, 2, 3].map((count) => {
    adopted = count;
    return registration.tell();
  });
  await Promise.all(told);
  assert.deepEqual(adoptedWhenRead, [3]);
});

test("a set that an earlier run's clock has overtaken is said again under a higher number", async () => {
  const clock = new ManualClock();
  const ahead = clock.nowMs() + 60_000;
  const numbers: number[] = [];
  const registration = new Registration({
    ...{ clock, random: seededRandom(1), log: silentLogger },
    signal: new AbortController().signal,
    current: () => ({ workloads: [] }),
    put: async ({ said = 0 }) => {
      numbers.push(said);
      const reply = { revision: "1", endpointsToken: "", refused: [] };
      return said > ahead ? reply : { ...reply, superseded: ahead };
    },
  });
  await registration.tell();
  await registration.tell();
  assert.deepEqual(numbers, [clock.nowMs(), ahead + 1, ahead + 2]);
});
