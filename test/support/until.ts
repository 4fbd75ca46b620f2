/** Waits for what only asking again can tell: an Envoy's statistics, the lines of a log. */
import assert from "node:assert/strict";
import { setTimeout as wait } from "node:timers/promises";

const patienceMs = 20_000;
const pauseMs = 50;

/** @param what is told when it does not come to hold. */
export async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
  const sinceMs = performance.now();
  while (!(await holds())) {
    assert.ok(performance.now() - sinceMs < patienceMs, `not in time: ${what}`);
    await wait(pauseMs);
  }
}
