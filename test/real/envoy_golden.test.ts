/**
 * Every golden case is taken by the real Envoy: all that its proxy would get, not only what the case shows, in a static
 * bootstrap (golden/static_bootstrap.ts says what it moves) that `envoy --mode validate` loads whole.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { envoyPath } from "../envoy/running_envoy.ts";
import { compileCase, goldenCases } from "../golden/cases.ts";
import { staticBootstrap } from "../golden/static_bootstrap.ts";

test("the real Envoy takes every golden case", { timeout: 120_000 }, async (t) => {
  const cases = goldenCases();
  assert.ok(cases.length >= 25);
  const directory = mkdtempSync(join(tmpdir(), "weft-golden-"));
  t.after(() => rmSync(directory, { recursive: true }));
  for (const golden of cases) {
    await t.test(golden.name, async () => {
      const path = join(directory, "bootstrap.json");
      writeFileSync(path, JSON.stringify(staticBootstrap(compileCase(golden).items)));
      const args = ["--mode", "validate", "-c", path, "--log-level", "error"];
      await promisify(execFile)(envoyPath, args);
    });
  }
});
