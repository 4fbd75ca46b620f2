import assert from "node:assert/strict";
import { test } from "node:test";
import { integer, list, literal, object, record, text, union } from "../../src/platform/decode.ts";
import { WeftError } from "../../src/platform/error.ts";

const decode = object({ name: text(5), ports: list(integer(1, 10)) }, { note: text() });

test("what fits is taken, and fields nobody asked for are kept", () => {
  assert.deepEqual(decode({ name: "a", ports: [1], newer: { x: 1 } }, "it"), {
    name: "a",
    ports: [1],
    newer: { x: 1 },
  });
});

test("an optional field that is absent or undefined stays absent", () => {
  assert.deepEqual(Object.keys(decode({ name: "a", ports: [], note: undefined }, "it")), ["name", "ports"]);
});

test("what does not fit is refused with the path of the field", () => {
  const cases: readonly [unknown, RegExp][] = [
    [null, /read it: it must be an object/],
    [[], /read it: it must be an object/],
    [{ ports: [] }, /read it\.name/],
    [{ name: "too long", ports: [] }, /read it\.name: it must be text of at most 5/],
    [{ name: "a", ports: [1, 11] }, /read it\.ports\[1\]: it must be a whole number from 1 to 10/],
    [{ name: "a", ports: [1.5] }, /read it\.ports\[0\]/],
    [{ name: "a", ports: [], note: 1 }, /read it\.note/],
  ];
  for (const [value, expected] of cases) {
    assert.throws(
      () => decode(value, "it"),
      (error) => error instanceof WeftError && error.code === "invalid" && expected.test(error.message),
    );
  }
});

test("a union is told by its tag, and an inherited name is no tag", () => {
  const shape = union("kind", { circle: object({ radius: integer() }), dot: object({}) });

  assert.deepEqual(shape({ kind: "circle", radius: 2 }, "it"), { kind: "circle", radius: 2 });
  for (const kind of ["constructor", "__proto__", "square", undefined, 1]) assert.throws(() => shape({ kind }, "it"));
});

test("names that are data cannot reach a prototype", () => {
  const decoded = record(integer())(JSON.parse('{"__proto__": 1, "a": 2}'), "it");

  assert.equal(Object.getPrototypeOf(decoded), Object.prototype);
  assert.deepEqual(Object.entries(decoded), [
    ["__proto__", 1],
    ["a", 2],
  ]);
});

test("a literal is exactly itself", () => {
  assert.equal(literal(1)(1, "it"), 1);
  assert.throws(() => literal(1)("1", "it"));
});
