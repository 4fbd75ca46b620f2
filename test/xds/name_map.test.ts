/** A NameMap is a Map, however it came to hold what it holds. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { NameList } from "../../src/xds/name_list.ts";
import { NameMap } from "../../src/xds/name_map.ts";
import { Subscribed } from "../../src/xds/subscribed.ts";

const letters = ["a", "b", "c", "d"];
const name = fc.constantFrom(...letters);
const value = fc.constantFrom(1, 2, 3);
const list = fc.subarray(letters).map((names) => new NameList(names));

type Act =
  | { readonly kind: "set"; readonly name: string; readonly value: number }
  | { readonly kind: "delete"; readonly name: string }
  | { readonly kind: "fill" | "fillEach"; readonly list: NameList; readonly value: number }
  | { readonly kind: "turn"; readonly list: NameList; readonly value: number; readonly to: number | undefined }
  | { readonly kind: "clear" };

const act: fc.Arbitrary<Act> = fc.oneof(
  fc.record({ kind: fc.constant("set" as const), name, value }),
  fc.record({ kind: fc.constant("delete" as const), name }),
  fc.record({ kind: fc.constantFrom("fill" as const, "fillEach" as const), list, value }),
  fc.record({ kind: fc.constant("turn" as const), list, value, to: fc.option(value, { nil: undefined }) }),
  fc.record({ kind: fc.constant("clear" as const) }),
);

function perform(map: NameMap<number>, act: Act): void {
  if (act.kind === "set") map.set(act.name, act.value);
  else if (act.kind === "delete") map.delete(act.name);
  else if (act.kind === "fill") map.fill(act.list, act.value);
  else if (act.kind === "fillEach") map.fillEach(act.list, (place) => act.value + place);
  else if (act.kind === "turn") map.turn(act.list, act.value, act.to);
  else map.clear();
}

function performed(map: Map<string, number>, act: Act): void {
  if (act.kind === "set") map.set(act.name, act.value);
  else if (act.kind === "delete") map.delete(act.name);
  else if (act.kind === "turn") {
    for (const one of act.list.names) {
      if (map.get(one) !== act.value) continue;
      if (act.to === undefined) map.delete(one);
      else map.set(one, act.to);
    }
  } else {
    map.clear();
    if (act.kind === "clear") return;
    act.list.names.forEach((one, place) => {
      map.set(one, act.kind === "fill" ? act.value : act.value + place);
    });
  }
}

test("it answers as a Map that was told the same, one name after the other", () => {
  fc.assert(
    fc.property(fc.array(act, { maxLength: 20 }), (acts) => {
      const map = new NameMap<number>();
      const plain = new Map<string, number>();
      for (const one of acts) {
        perform(map, one);
        performed(plain, one);
        assert.equal(map.size, plain.size);
        for (const letter of letters) {
          assert.equal(map.has(letter), plain.has(letter));
          assert.equal(map.get(letter), plain.get(letter));
        }
        assert.deepEqual([...map.keys()].sort(), [...plain.keys()].sort());
        const values = new Set(plain.values());
        for (const sample of map.samples()) assert.ok(values.has(sample));
        assert.equal([...map.samples()].length > 0, plain.size > 0);
      }
      assert.deepEqual(new Map(map), plain);
    }),
    { numRuns: 2_000 },
  );
});

test("what changes while it is gone through does not disturb", () => {
  const map = new NameMap<number>();
  map.fill(new NameList(letters), 1);
  for (const [one] of map) map.delete(one);
  assert.equal(map.size, 0);
});

test("of a shared list, what was dropped is not subscribed, and may be again", () => {
  const subscribed = new Subscribed();
  subscribed.share(new NameList(["a", "b"]));
  assert.equal(subscribed.add("c"), true);
  assert.equal(subscribed.delete("a"), "shared");
  assert.equal(subscribed.delete("a"), undefined);
  assert.deepEqual([...subscribed].sort(), ["b", "c"]);
  assert.equal(subscribed.size, 2);
  assert.equal(subscribed.add("a"), false);
  assert.equal(subscribed.delete("c"), "own");
  assert.deepEqual([...subscribed].sort(), ["a", "b"]);
});
