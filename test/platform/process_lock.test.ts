import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { startTimeOf } from "../../src/platform/process_id.ts";
import { takeLock } from "../../src/platform/process_lock.ts";

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "weft-lock-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const alive = { pid: process.pid, startTime: startTimeOf(process.pid) ?? "" };

test("a lock has one holder, who is named; given back it is anybody's", () => {
  const path = join(directory, "lock");

  const first = takeLock(path, alive);
  assert.deepEqual(takeLock(path, { pid: 1, startTime: "x" }), { kind: "held", pid: process.pid });
  assert.ok(first.kind === "taken");
  first.giveBack();

  assert.equal(takeLock(path, alive).kind, "taken");
  assert.deepEqual(readdirSync(directory), ["lock"]);
});

test("a lock whose holder has gone, or that is torn, is nobody's", () => {
  const path = join(directory, "lock");
  // The same pid with another start time: somebody else has it now.
  for (const stale of [JSON.stringify({ pid: process.pid, startTime: "1" }), "torn"]) {
    writeFileSync(path, stale);
    assert.equal(takeLock(path, alive).kind, "taken");
    rmSync(path);
  }
});
