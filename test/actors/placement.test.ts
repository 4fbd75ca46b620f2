import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ownerOf } from "../../src/actors/runtime/placement.ts";
import { nodeName } from "./cluster.ts";

const nodes = (count: number) => Array.from({ length: count }, (_, index) => nodeName(`node-${index}`));
const actors = Array.from({ length: 3_000 }, (_, index) => ({ kind: "service", id: `shop/svc-${index}` }));

test("three nodes share the actors evenly", () => {
  const counts = new Map<string, number>();
  for (const address of actors) {
    const owner = ownerOf(address, nodes(3)) ?? "nobody";
    counts.set(owner, (counts.get(owner) ?? 0) + 1);
  }

  assert.ok(
    nodes(3).every((node) => Math.abs((counts.get(node) ?? 0) - 1_000) < 100),
    JSON.stringify([...counts]),
  );
});

test("a node that goes moves its own actors and no others", () => {
  const [gone, ...left] = nodes(4);

  for (const address of actors) {
    const before = ownerOf(address, nodes(4));
    if (before !== gone) assert.equal(ownerOf(address, left), before);
  }
});

test("the order in which a node knows the members does not matter", () => {
  const shuffled = fc.shuffledSubarray(nodes(6), { minLength: 1 });
  fc.assert(
    fc.property(shuffled, fc.string(), (members, id) => {
      const address = { kind: "k", id };
      assert.equal(ownerOf(address, members), ownerOf(address, [...members].sort()));
    }),
  );
});

test("nobody owns anything in an empty view", () => {
  assert.equal(ownerOf({ kind: "k", id: "x" }, []), undefined);
});
