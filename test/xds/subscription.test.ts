/** The index against a plain one: a set of streams under each name and layer. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { layerKey } from "../../src/compile/layer.ts";
import { SubscriptionIndex } from "../../src/xds/subscription.ts";

const [mesh, own] = [layerKey("mesh"), layerKey("own")];
const stream = (number: number) => ({ number, sees: (layer: string) => layer === mesh || number % 2 === 0 });

const act = fc.record({
  kind: fc.constantFrom("name", "drop", "all", "drop all"),
  stream: fc.nat(99),
  name: fc.constantFrom("a", "b", "c"),
});

test("a change finds exactly the streams that are noted for it", () => {
  fc.assert(
    fc.property(fc.array(act, { maxLength: 300 }), (acts) => {
      const index = new SubscriptionIndex<ReturnType<typeof stream>>();
      const streams = Array.from({ length: 100 }, (_, number) => stream(number));
      const named = new Set<string>();
      const all = new Set<number>();
      for (const { kind, stream: number, name } of acts) {
        const one = streams[number];
        assert.ok(one);
        if (kind === "name") index.addName("endpoints", name, one);
        else if (kind === "drop") index.removeName("endpoints", name, one);
        else if (kind === "all") index.addWildcard("endpoints", [mesh, own], one);
        else index.removeWildcard("endpoints", [mesh, own], one);
        if (kind === "name") named.add(`${number} ${name}`);
        else if (kind === "drop") named.delete(`${number} ${name}`);
        else if (kind === "all") all.add(number);
        else all.delete(number);
      }
      for (const layer of [mesh, own]) {
        for (const name of ["a", "b", "c"]) {
          const visited: number[] = [];
          index.concerned(layer, "endpoints", name, ({ number }) => visited.push(number));
          const expected = [
            ...all,
            ...streams.flatMap((one) => (named.has(`${one.number} ${name}`) && one.sees(layer) ? [one.number] : [])),
          ];
          assert.deepEqual(visited.sort(), expected.sort());
        }
      }
    }),
  );
});
