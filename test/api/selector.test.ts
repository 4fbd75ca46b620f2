import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSelector } from "../../src/api/selector.ts";

const labels = { app: "reviews", version: "v2", tier: "backend" };

function matches(selector: string): boolean {
  const test = parseSelector(selector);
  assert.equal(typeof test, "function", selector);
  return typeof test === "function" && test(labels);
}

test("selectors mean what they mean to kubectl", () => {
  for (const selector of [
    "app=reviews",
    "app==reviews,version!=v1",
    "tier in (backend, edge)",
    "tier",
    "!canary",
    "x!=y",
  ]) {
    assert.equal(matches(selector), true, selector);
  }
  for (const selector of [
    "app=ratings",
    "version!=v2",
    "tier notin (backend)",
    "canary",
    "!tier",
    "app=reviews,version=v1",
  ]) {
    assert.equal(matches(selector), false, selector);
  }
});

test("a label that every object inherits is not a label", () => {
  assert.equal(matches("constructor"), false);
  assert.equal(matches("!toString"), true);
});

test("what is no selector is named", () => {
  assert.equal(parseSelector("app=reviews,a b"), "a b");
  assert.equal(parseSelector(""), "");
  assert.equal(parseSelector("app=(x"), "app=(x");
});
