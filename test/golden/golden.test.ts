/**
 * What is compiled and encoded today is what was read and committed. One case: `node --test --test-name-pattern=CASE
 * test/golden/golden.test.ts`. Update: `npm test -- golden --update`, or UPDATE_GOLDEN=1; it deletes what has no input.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { stringify } from "yaml";
import { encode } from "../../src/envoy/encode.ts";
import { resourceJson } from "../../src/envoy/print.ts";
import { validateItem } from "../../src/envoy/validate.ts";
import { compileCase, type GoldenCase, goldenCases, goldenFiles, shown } from "./cases.ts";

const updating = process.env.UPDATE_GOLDEN === "1" || process.env.WEFT_UPDATE === "1";

function print(value: unknown): string {
  return stringify(value, { lineWidth: 120, aliasDuplicateObjects: false });
}

function compare({ directory }: GoldenCase, file: string, now: string): void {
  const path = join(directory, file);
  if (updating) writeFileSync(path, now);
  else assert.equal(now, existsSync(path) ? readFileSync(path, "utf8") : "", `${path} says something else`);
}

for (const golden of goldenCases()) {
  test(golden.name, () => {
    if (updating && !golden.files.includes("input.yaml")) return rmSync(golden.directory, { recursive: true });
    const orphans = golden.files.filter((file) => !goldenFiles.includes(file));
    if (updating) for (const file of orphans) rmSync(join(golden.directory, file));
    else assert.deepEqual(orphans, []);

    const compiled = compileCase(golden);
    const items = shown(compiled);
    assert.ok(items.length > 0, "it shows something");
    compare(golden, "ir.yaml", print(items));
    compare(golden, "envoy.yaml", print(items.map((item) => ({ [item.type]: resourceJson(encode(item)) }))));
    for (const item of compiled.items) assert.deepEqual(validateItem(item), [], `${item.type} ${item.name}`);
  });
}
