import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Compiler } from "../../src/compile/compiler.ts";
import type { Item } from "../../src/compile/ir.ts";
import { layerKey } from "../../src/compile/layer.ts";
import { inForce, judged, type Silent, type Withholdable } from "../../src/compile/withholding.ts";
import { endpoint, ns, shard } from "./mesh.ts";

const healthy = (silent?: Silent): Withholdable => ({ health: "healthy", weight: 1, ...(silent && { silent }) });
const many = (count: number, silent?: Silent): Withholdable[] => Array.from({ length: count }, () => healthy(silent));

test("endpoints of a silent host are left out while others are healthy", () => {
  const [kept, gone] = [healthy(), healthy("lately")];

  assert.deepEqual(inForce([kept, gone]), { endpoints: [kept] });
});

test("the last healthy ones stay, however long their hosts are silent", () => {
  const draining: Withholdable = { health: "draining", weight: 1 };
  const nothing: Withholdable = { health: "healthy", weight: 0 };
  for (const others of [[], [draining], [nothing]]) {
    const all = [healthy("long"), healthy("lately"), ...others];
    assert.deepEqual(inForce(all), { endpoints: all, because: "the last" });
  }
});

test("more than half, and at least three, stay if they went lately", () => {
  assert.equal(inForce([...many(3), ...many(3, "lately")]).endpoints.length, 3);
  assert.deepEqual(inForce([...many(2), ...many(3, "lately")]).because, "too many");
  assert.equal(inForce([...many(1), ...many(2, "lately")]).endpoints.length, 1);
});

test("hosts that are gone for good count for nothing", () => {
  assert.equal(inForce([...many(2), ...many(9, "long")]).endpoints.length, 2);
  assert.equal(inForce([...many(3), ...many(2, "lately"), ...many(9, "long")]).endpoints.length, 3);
  assert.deepEqual(inForce([...many(2), ...many(3, "lately"), ...many(9, "long")]).endpoints, [
    ...many(2),
    ...many(3, "lately"),
  ]);
});

test("whatever is silent: who speaks is in force, and somebody healthy is if anybody was", () => {
  const one = fc.record({
    health: fc.constantFrom("healthy" as const, "unhealthy" as const, "draining" as const),
    weight: fc.nat(1),
    silent: fc.constantFrom(undefined, "lately" as const, "long" as const),
  });
  const serves = ({ health, weight }: Withholdable) => health === "healthy" && weight > 0;
  fc.assert(
    fc.property(fc.array(one), (found) => {
      const all = found.map(({ silent, ...rest }): Withholdable => ({ ...rest, ...(silent && { silent }) }));
      const { endpoints } = inForce(all);
      for (const each of all) if (each.silent === undefined) assert.ok(endpoints.includes(each));
      assert.equal(endpoints.some(serves), all.some(serves));
    }),
  );
});

function reviews(): Compiler {
  const compiler = new Compiler();
  const of = (source: string, id: string) => shard("reviews", [endpoint(id)], { source, portNames: ["http:80"] });
  compiler.update(
    ["agent-a", "agent-b"].map((source, at) => ({ kind: "shard", shard: of(source, `e${at}`) }) as const),
  );
  return compiler;
}

function idsIn(items: readonly Item[]): number {
  return items.flatMap((item) => (item.type === "endpoints" ? item.localities.flatMap((one) => one.endpoints) : []))
    .length;
}

test("a host that goes silent costs its services' endpoints alone, and they are back when it speaks", () => {
  const compiler = reviews();
  const endpoints = () => idsIn(compiler.items(layerKey("endpoints", "mesh")));
  assert.equal(endpoints(), 2);

  const gone = compiler.update([{ kind: "silent-sources", silent: new Map([["agent-b", "lately"]]) }]);

  assert.deepEqual(
    gone.map(({ layer, set, removed }) => [layer, set.map(({ type }) => type), removed]),
    [[layerKey("endpoints", "mesh"), ["endpoints"], []]],
  );
  assert.equal(endpoints(), 1);
  compiler.update([{ kind: "silent-sources", silent: new Map() }]);
  assert.equal(endpoints(), 2);
});

test("a silent host without endpoints of a service does not compute it anew", () => {
  const compiler = reviews();
  const before = new Map(compiler.recomputed);

  const changes = compiler.update([{ kind: "silent-sources", silent: new Map([["agent-other", "lately"]]) }]);

  assert.deepEqual([...changes], []);
  assert.deepEqual(new Map(compiler.recomputed), before);
});

test("what other hosts cannot reach is unhealthy, unless it is more than half or the last healthy one", () => {
  const of = (...names: readonly string[]) => names.map((name) => ({ ...healthy(), name }));
  const healths = (found: readonly Withholdable[]) => found.map(({ health }) => health);
  const is =
    (...bad: readonly string[]) =>
    ({ name }: { readonly name: string }) =>
      bad.includes(name);

  assert.deepEqual(healths(judged(of("a", "b"), is("a"))), ["unhealthy", "healthy"]);
  assert.deepEqual(healths(judged(of("a", "b", "c"), is("a", "b"))), ["healthy", "healthy", "healthy"]);
  assert.deepEqual(healths(judged(of("a"), is("a"))), ["healthy"]);
  const draining = { health: "draining", weight: 1, name: "d" } as const;
  assert.deepEqual(healths(judged([...of("a"), draining], is("a"))), ["healthy", "draining"]);
});

test("a verdict changes the service's endpoints and nothing else, and the same verdict again nothing", () => {
  const compiler = reviews();
  const verdict = (...endpoints: readonly string[]) =>
    ({ kind: "unreachable", service: { namespace: ns("default"), name: "reviews" }, endpoints }) as const;
  const healths = () =>
    compiler
      .items(layerKey("endpoints", "mesh"))
      .flatMap((item) => (item.type === "endpoints" ? item.localities.flatMap((one) => one.endpoints) : []))
      .map(({ health }) => health);

  const changed = compiler.update([verdict("10.0.0.e1:8080")]);

  assert.deepEqual(
    changed.map(({ layer, set }) => [layer, set.length]),
    [[layerKey("endpoints", "mesh"), 1]],
  );
  assert.deepEqual(healths(), ["healthy", "unhealthy"]);
  assert.deepEqual([...compiler.update([verdict("10.0.0.e1:8080")])], []);
  compiler.update([verdict()]);
  assert.deepEqual(healths(), ["healthy", "healthy"]);
});
