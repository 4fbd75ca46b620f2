// Which process is an agent's Envoy: one that it started, one that it adopts, one that only has the same pid.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { adoptEnvoy, envoyArguments } from "../../src/agent/envoy/process.ts";
import { Session } from "../../src/agent/session.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { limits } from "../../src/platform/limits.ts";
import { startTimeOf } from "../../src/platform/process_id.ts";
import { ManualClock } from "../support/manual_clock.ts";

test("a process of another start time is neither adopted nor signalled", async () => {
  const child = spawn("sleep", ["60"]);
  const pid = child.pid ?? 0;
  try {
    const startTime = startTimeOf(pid) ?? "";
    assert.equal(adoptEnvoy(systemClock, { pid, startTime: `${startTime}0` }), undefined);
    const adopted = adoptEnvoy(systemClock, { pid, startTime });
    assert.equal(adopted?.running, true);
    const gone = once(child, "exit");
    await adopted?.stop();
    assert.deepEqual(await gone, [null, "SIGTERM"]);
    assert.equal(adopted?.running, false);
    assert.equal(adoptEnvoy(systemClock, { pid, startTime }), undefined);
  } finally {
    child.kill("SIGKILL");
  }
});

test("an Envoy gets no hot restart, so two of one host share nothing", () => {
  const args = envoyArguments({ bootstrapPath: "/b.json" });
  assert.ok(args.includes("--disable-hot-restart"));
  assert.equal(args[args.indexOf("--config-path") + 1], "/b.json");
  assert.equal(args[args.indexOf("--file-flush-interval-msec") + 1], "1000");
});

test("a session: a grace begins when its stream breaks, a new stream ends it, an old one's end means nothing", async () => {
  const clock = new ManualClock();
  let abandoned = 0;
  const client = () => ({ tell: () => {}, end: () => {} });
  const session = new Session(clock, () => abandoned++);
  const [first, second] = [client(), client()];
  session.attach(first);
  session.detach(first);
  await clock.advance(limits.sessionGraceMs - 1);
  session.attach(second);
  session.detach(first);
  await clock.advance(limits.sessionGraceMs * 2);
  assert.equal(abandoned, 0);
  assert.equal(session.attended, true);
  session.detach(second);
  await clock.advance(limits.sessionGraceMs);
  assert.equal(abandoned, 1);
});
