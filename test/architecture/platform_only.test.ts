// Only platform/ knows the time, rolls dice or sets timers. Without that rule no simulation replays and no test can move the clock.

import assert from "node:assert/strict";
import { test } from "node:test";
import { platformOnly, platformOnlyModules } from "./rooms.ts";
import { importsOf, lineAt, read, sourceFiles, withoutCommentsAndStrings } from "./source.ts";

test("time, chance and timers come from platform/", () => {
  const files = sourceFiles("**/*.ts").filter((file) => !file.endsWith(".test.ts") && !file.startsWith("platform/"));
  const problems = files.flatMap((file) => problemsOf(file, read(file)));
  assert.equal(problems.length, 0, `\n${problems.join("\n")}`);
});

test("the check sees code, not words", () => {
  const source = [
    "const a = Date.now(); // Date.now()",
    'const b = "Math.random()";',
    "const c = `now ${Math.random()} Date.now`;",
    "const d = new Date(0);",
    "const e = new Date();",
    "const f = /setTimeout['\"]/;",
    'import { setTimeout } from "node:timers/promises";',
  ].join("\n");
  const lines = problemsOf("store/x.ts", source).map((problem) => /:(\d+) /.exec(problem)?.[1]);
  assert.deepEqual(lines, ["1", "5", "7", "3", "7"]);
  assert.deepEqual(problemsOf("certificates/keys.ts", "randomBytes(16)"), []);
});

function problemsOf(file: string, source: string): string[] {
  const code = withoutCommentsAndStrings(source);
  const room = file.split("/")[0];
  const advice = (line: number, what: string, use: string): string =>
    `src/${file}:${line} uses ${what}; take ${use} from platform/ as an argument instead`;
  const tokens = platformOnly
    .filter(({ exceptIn }) => exceptIn !== room)
    .flatMap(({ token, use }) =>
      [...code.matchAll(new RegExp(token, "g"))].map((match) => advice(lineAt(code, match.index), match[0], use)),
    );
  const modules = importsOf(file, source)
    .filter(({ target }) => platformOnlyModules.test(target))
    .map(({ target, line }) => advice(line, target, "the clock's timers"));
  return [...tokens, ...modules];
}
