import assert from "node:assert/strict";
import { test } from "node:test";
import { span } from "../../src/platform/span.ts";

test("a span of time is said in the largest unit that fits, and the next", () => {
  const second = 1_000;
  const minute = 60 * second;
  const hour = 60 * minute;
  const day = 24 * hour;
  const cases: readonly (readonly [number, string])[] = [
    [86_160 * second, "23 hours 56 minutes"],
    [day, "1 day"],
    [7 * day - second, "6 days 23 hours"],
    [hour + minute, "1 hour 1 minute"],
    [2 * hour + 59 * second, "2 hours"],
    [90 * second, "1 minute 30 seconds"],
    [4_900, "4 seconds"],
    [400, "0 seconds"],
    [Number.POSITIVE_INFINITY, "ever"],
  ];
  for (const [ms, said] of cases) assert.equal(span(ms), said);
});
