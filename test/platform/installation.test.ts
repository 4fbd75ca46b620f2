import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { nodeFlags, packageRoot } from "../../src/platform/installation.ts";

test("the launchers tell Node what `dev` tells it when it starts a meshd", () => {
  const flags = nodeFlags("meshd/main").join(" ");
  assert.ok(flags.length > 0);
  for (const launcher of ["bin/meshd", "setup/run.sh"]) {
    assert.ok(readFileSync(`${packageRoot}/${launcher}`, "utf8").includes(` ${flags} "$root/`), launcher);
  }
});
