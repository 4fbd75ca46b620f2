// One idea in a file, and a name that says which.

import assert from "node:assert/strict";
import { test } from "node:test";
import { emptyNames, maxLines } from "./rooms.ts";
import { read, sourceFiles } from "./source.ts";

const snakeCase = /^[a-z0-9]+(?:_[a-z0-9]+)*$/;

test(`no file is longer than ${maxLines} lines`, () => {
  const long = sourceFiles("**/*.ts")
    .map((file) => ({ file, lines: read(file).split("\n").length - 1 }))
    .filter(({ lines }) => lines > maxLines)
    .map(({ file, lines }) => `src/${file} has ${lines} lines: it holds more than one idea; give each its own file`);
  assert.equal(long.length, 0, `\n${long.join("\n")}`);
});

test("names are snake_case and say something", () => {
  const problems = sourceFiles().flatMap((file) => file.split("/").flatMap((part) => problemsOf(file, part)));
  assert.equal(problems.length, 0, `\n${problems.join("\n")}`);
});

function problemsOf(file: string, part: string): string[] {
  const name = part.split(".")[0] ?? part;
  if (!snakeCase.test(name)) return [`src/${file}: "${part}" is not snake_case`];
  if (emptyNames.has(name)) return [`src/${file}: "${part}" does not say what is inside; name it after that`];
  return [];
}
