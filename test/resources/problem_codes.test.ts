/** docs/problems.md lists exactly the codes that exist, and each of them can be met. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { problemCodes } from "../../src/resources/problem_codes.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

test("the page has every code, with its severity, meaning and remedy", () => {
  const page = readFileSync(join(root, "docs/problems.md"), "utf8");
  const listed = [...page.matchAll(/^### (MSH\d+)\n\n(\w+)\. (.+)\n\n\*Remedy:\* (.+)$/gm)].map(
    ([, code, severity, meaning, remedy]) => ({ code, severity, meaning, remedy }),
  );
  const codes = Object.entries(problemCodes).map(([code, { severity, meaning, remedy }]) => ({
    code,
    severity,
    meaning,
    remedy,
  }));
  assert.deepEqual(listed, codes);
  assert.equal([...page.matchAll(/^### /gm)].length, codes.length);
});

test("every code is told somewhere, and none that is not in the list", () => {
  const sources = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts") && !file.endsWith("problem_codes.ts"))
    .map((file) => readFileSync(join(root, "src", file), "utf8"))
    .join("\n");
  const told = new Set(sources.match(/MSH\d{4}\b/g));
  assert.deepEqual([...told].sort(), Object.keys(problemCodes).sort());
});
