import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

const source = (path: string): string => JSON.stringify(new URL(`../../src/${path}`, import.meta.url).href);

for (const [what, kept] of [
  ["keepCompiled()", true],
  ["undefined", false],
] as const) {
  test(`after ${what} and kill -9, what was compiled is ${kept ? "there for the next start" : "lost"}`, async (t) => {
    const cache = mkdtempSync(join(tmpdir(), "weft-cache-"));
    t.after(() => rmSync(cache, { recursive: true }));
    const program = `
      import { keepCompiled, start } from ${source("platform/start.ts")};
      await start("program", () => import(${source("model/names.ts")}));
      ${what};
      console.log("loaded");
      setInterval(() => {}, 1000);`;
    const { NODE_COMPILE_CACHE: _, ...environment } = process.env;
    const env = { ...environment, XDG_CACHE_HOME: cache };
    const child = spawn(process.execPath, ["--input-type=module", "-e", program], { env });
    await once(child.stdout, "data");
    // From outside: Node keeps it when a process kills itself.
    child.kill("SIGKILL");
    await once(child, "exit");
    const files = readdirSync(cache, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    assert.equal(files.length > 0, kept);
  });
}
