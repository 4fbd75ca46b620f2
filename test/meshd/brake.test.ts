/** What the brake takes for a sudden drop, and what for somebody's wish. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isDrop, type Passed, withinWindow } from "../../src/meshd/brake/judgement.ts";
import { limits } from "../../src/platform/limits.ts";

const sets = (count: number): string[] => Array.from({ length: count }, (_, i) => `endpoints.default.s${i}.agent`);
const steady = (endpoints: number, services = 4): Passed[] => [{ atMs: 0, size: { endpoints, services }, shrunk: [] }];

describe("a drop is", () => {
  test("less than half of the endpoints left, half is none", () => {
    assert.equal(isDrop({ endpoints: 9, services: 4 }, sets(3), steady(20)), true);
    assert.equal(isDrop({ endpoints: 10, services: 4 }, sets(3), steady(20)), false);
  });

  test("less than half of the services left, however many endpoints they have", () => {
    assert.equal(isDrop({ endpoints: 90, services: 4 }, sets(5), steady(100, 9)), true);
    assert.equal(isDrop({ endpoints: 90, services: 5 }, sets(5), steady(100, 9)), false);
  });

  test("measured from the most there was within the window, so that it may come in many steps", () => {
    const steps: Passed[] = [
      ...steady(20),
      ...sets(10).map((set, i) => ({ atMs: i, size: { endpoints: 19 - i, services: 4 }, shrunk: [set] })),
    ];
    assert.equal(isDrop({ endpoints: 9, services: 4 }, ["endpoints.default.s11.agent"], steps), true);
    const later = withinWindow(steps, limits.brakeWindowMs + 10);
    assert.deepEqual(later.at(-1), steps.at(-1));
    assert.equal(isDrop({ endpoints: 9, services: 4 }, ["endpoints.default.s11.agent"], later), false);
  });
});

describe("no drop is", () => {
  test("one source's word on one service: from 1,000 to none is a scaling", () => {
    assert.equal(isDrop({ endpoints: 0, services: 1 }, sets(1), steady(1_000, 1)), false);
  });

  test("anything in a small mesh", () => {
    const most = limits.brakeLeast - 1;
    assert.equal(isDrop({ endpoints: 0, services: 0 }, sets(most), steady(most, most)), false);
  });

  test("a step in which nothing shrinks", () => {
    assert.equal(isDrop({ endpoints: 9, services: 4 }, [], steady(20)), false);
  });
});
