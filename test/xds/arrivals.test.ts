import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "../../src/platform/clock.ts";
import { limits } from "../../src/platform/limits.ts";
import { type Arrival, Arrivals } from "../../src/xds/arrivals.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { turn } from "../support/turns.ts";

const { xdsSeatsAtFirst: atFirst, xdsSeatsAtLeast: atLeast, xdsSeatsAtMost: atMost, xdsLookMs: lookMs } = limits;

/** An event loop that can run late. */
function world(): { clock: ManualClock; arrivals: Arrivals; late: (ms: number) => void } {
  const clock = new ManualClock();
  let lateMs = 0;
  const lagging: Clock = {
    nowMs: () => clock.nowMs(),
    monotonicMs: () => clock.monotonicMs() + lateMs,
    after: (ms, action) => clock.after(ms, action),
    every: (ms, action) => clock.every(ms, action),
  };
  return { clock, arrivals: new Arrivals(lagging), late: (ms) => (lateMs += ms) };
}

function comers(
  arrivals: Arrivals,
  count: number,
): {
  readonly begun: number[];
  readonly late: number[];
  readonly all: Arrival[];
} {
  const begun: number[] = [];
  const late: number[] = [];
  const all = Array.from(
    { length: count },
    (_, i): Arrival => ({ begin: () => begun.push(i), late: () => late.push(i) }),
  );
  for (const arrival of all) arrivals.enter(arrival);
  return { begun, late, all };
}

test("the first have a seat at once, the others in the order in which they came", () => {
  const { arrivals } = world();
  const { begun, all } = comers(arrivals, atFirst + 3);
  assert.equal(begun.length, atFirst);
  assert.equal(arrivals.waiting, 3);
  for (const arrival of all.slice(0, 2)) arrivals.leave(arrival);
  assert.deepEqual(begun.slice(atFirst), [atFirst, atFirst + 1]);
});

test("who leaves the line, or twice, gives nobody a seat that it did not have", () => {
  const { arrivals } = world();
  const { begun, all } = comers(arrivals, atFirst + 3);
  const [last] = all.slice(-1);
  if (last) arrivals.leave(last);
  if (last) arrivals.leave(last);
  assert.equal(begun.length, atFirst);
  assert.equal(arrivals.waiting, 2);
});

test("while somebody waits and the event loop is in time there are more seats, up to a limit", async () => {
  const { arrivals, clock } = world();
  const { begun } = comers(arrivals, 10 * atMost);
  await clock.advance(5 * lookMs);
  assert.equal(begun.length, atFirst + 5);
  await clock.advance(limits.xdsSeatMs - 6 * lookMs);
  assert.ok(begun.length <= atMost);
});

test("when the event loop is late there are half as many, down to a limit", async () => {
  const { arrivals, clock, late } = world();
  const { begun } = comers(arrivals, 100);
  for (let round = 0; round < 5; round++) {
    late(limits.xdsLateMs + 1);
    await clock.advance(lookMs);
  }
  assert.equal(arrivals.seats, atLeast);
  assert.equal(begun.length, atFirst);
});

test("while changes go out to others there are the fewest seats, and more again when they have ended", async () => {
  const { arrivals, clock } = world();
  const { begun, all } = comers(arrivals, 100);
  arrivals.giveWay();
  for (const arrival of all.slice(0, atFirst)) arrivals.leave(arrival);
  assert.equal(begun.length, atFirst + atLeast);
  await clock.advance(limits.xdsFewSeatsMs / 2);
  arrivals.giveWay();
  await clock.advance(limits.xdsFewSeatsMs - lookMs);
  assert.equal(arrivals.seats, atLeast);
  await clock.advance(3 * lookMs);
  assert.equal(arrivals.seats, atLeast + 3);
});

test("a seat does not wait for one that never takes what it is sent, which is told that it has lost it", async () => {
  const { arrivals, clock, late } = world();
  const { begun, late: lost, all } = comers(arrivals, 2 * atFirst);
  for (const arrival of all.slice(0, 1)) arrivals.leave(arrival);
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += lookMs) {
      late(limits.xdsLateMs + 1);
      await clock.advance(lookMs);
    }
  };
  await pass(limits.xdsSeatMs - lookMs);
  assert.equal(begun.length, atFirst + 1);
  assert.deepEqual(lost, []);
  await pass(2 * lookMs);
  assert.equal(begun.length, atFirst + 1 + atLeast);
  // The first left in its time, and the one that took its seat is not the first any more.
  assert.deepEqual(lost, [1, 2, 3, 4, 5, 6, 7, 8]);
});

test("what those with a seat say is taken up in its order, in slices between which others have a turn", async () => {
  const { arrivals, late } = world();
  const taken: number[] = [];
  for (let i = 0; i < 7; i++) {
    arrivals.inTurn(() => {
      taken.push(i);
      late(limits.xdsArrivalSliceMs / 2);
    });
  }
  assert.equal(taken.length, 0);
  await turn();
  assert.deepEqual(taken, [0, 1]);
  await turn();
  assert.deepEqual(taken, [0, 1, 2, 3]);
  arrivals.inTurn(() => taken.push(7));
  await turn();
  await turn();
  assert.deepEqual(taken, [0, 1, 2, 3, 4, 5, 6, 7]);
});
