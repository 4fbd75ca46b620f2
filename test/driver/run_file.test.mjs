// What the driver promises about a file that does not end as it should, and about what it started.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { runFile } from "./run_file.mjs";

/** As a part of a mesh is: in a session of its own, deaf to SIGTERM. Its pid is written down. */
const startsDaemon = `
  const { spawn } = require("node:child_process");
  const script = 'process.on("SIGTERM", () => {}); process.send("up"); setInterval(() => {}, 1000)';
  const daemon = spawn(process.execPath, ["-e", script], { detached: true, stdio: ["ignore", "ignore", "ignore", "ipc"] });
  require("node:fs").writeFileSync("pid", String(daemon.pid));
  const up = new Promise((resolve) => daemon.once("message", resolve));
  const letGo = () => (daemon.disconnect(), daemon.unref());
`;

test("a file that leaves a process behind fails and names it; the process is ended", async (context) => {
  const folder = given(context, `${startsDaemon} test("starts one", async () => { await up; letGo(); });`);

  const result = await runFile({ root: folder, file: "story.test.cjs", limitMs: 20_000 });

  assert.deepEqual([result.passed, result.failed], [1, 1]);
  assert.match(result.failures[0].text, new RegExp(`left behind:\\n${pidIn(folder)} .*node`));
  assert.equal(isAlive(pidIn(folder)), false);
});

test("a file that hangs is ended with all that it started", async (context) => {
  const folder = given(
    context,
    `${startsDaemon} test("hangs", async () => { await up; await new Promise(() => {}); });`,
  );

  const result = await runFile({ root: folder, file: "story.test.cjs", limitMs: 2_000 });

  assert.equal(result.failed, 1);
  assert.match(result.failures[0].text, /did not end within 2 s/);
  assert.equal(isAlive(pidIn(folder)), false);
});

for (const [how, rest] of [
  ["ends", ""],
  ["hangs and is ended", "await new Promise(() => {});"],
]) {
  test(`what a file that ${how} leaves in the temporary directory is removed`, async (context) => {
    const leaves = `
      const made = require("node:fs").mkdtempSync(require("node:path").join(require("node:os").tmpdir(), "left-"));
      require("node:fs").writeFileSync("made", made);`;
    const folder = given(
      context,
      `test("leaves a folder", async () => { ${leaves} setInterval(() => {}, 1000).unref(); ${rest} });`,
    );

    await runFile({ root: folder, file: "story.test.cjs", limitMs: 2_000 });

    const made = readFileSync(join(folder, "made"), "utf8");
    assert.match(made, /left-/);
    assert.equal(existsSync(made), false);
  });
}

test("a file with no test in it has failed", async (context) => {
  const folder = given(context, "");

  const result = await runFile({ root: folder, file: "story.test.cjs", limitMs: 20_000 });

  assert.deepEqual(
    result.failures.map(({ text }) => text),
    ["has no test in it"],
  );
});

function given(context, story) {
  const folder = mkdtempSync(join(tmpdir(), "weft-driver-"));
  context.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, "story.test.cjs"), `const { test } = require("node:test");\n${story}\n`);
  return folder;
}

function pidIn(folder) {
  return Number(readFileSync(join(folder, "pid"), "utf8"));
}

/** A corpse that nobody has buried yet is dead. */
function isAlive(pid) {
  const { stdout } = spawnSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" });
  return /^[^Z\s]/.test(stdout);
}
