/** Routes that ask who the caller is: only the callers whom they ask for have tables of their own. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Compiler } from "../../src/compile/compiler.ts";
import type { RouteTableItem } from "../../src/compile/ir.ts";
import type { HttpMatch, HttpRoute } from "../../src/model/route.ts";
import type { SidecarWorkload } from "../../src/model/workload.ts";
import { endpoint, hostOf, ns, setObject, setShard, setWorkload, shard, sidecar, virtualService } from "./mesh.ts";

const asks: HttpMatch = { ignoreUriCase: false, headers: [], withoutHeaders: [], query: [], gateways: [] };
const named = (name: string, match: Partial<HttpMatch>): HttpRoute => ({
  name,
  matches: [{ ...asks, ...match }],
  destinations: [{ host: hostOf("reviews"), weight: 100 }],
  mirrors: [],
});
const routes = (...http: readonly HttpRoute[]) => setObject(virtualService("reviews", {}, { exportTo: ["*"], http }));
const front = sidecar("front", "default", { labels: { tier: "front", build: "7" } });
const back = sidecar("back", "default", { labels: { tier: "back" } });
const other = sidecar("other", "team");
const workloads = [front, back, other].map(setWorkload);

function world(): Compiler {
  const compiler = new Compiler();
  compiler.update([...workloads, setShard(shard("reviews", [endpoint("1")]))]);
  return compiler;
}

function routesOf(compiler: Compiler, workload: SidecarWorkload): readonly (string | undefined)[] {
  const items = compiler.layersOf(workload).flatMap((layer) => compiler.items(layer));
  const table = items.find((item): item is RouteTableItem => item.type === "route" && item.name === "outbound");
  const found = table?.virtualHosts.find(({ name }) => name.startsWith("reviews."));
  return (found?.routes ?? []).flatMap(({ name }) => name ?? []);
}

test("by labels: who has them gets its own table, shares its destinations, and is told that its layers are others", () => {
  const compiler = world();
  compiler.takeMoved();
  const before = compiler.layersOf(front);
  compiler.update([routes(named("front", { sourceLabels: { tier: "front" } }), named("rest", {}))]);
  assert.deepEqual(routesOf(compiler, front), ["front", "rest"]);
  assert.deepEqual(routesOf(compiler, back), ["rest"]);
  assert.deepEqual(routesOf(compiler, other), ["rest"]);
  assert.deepEqual([...compiler.takeMoved().workloads].sort(), ["back.default", "front.default"]);
  const after = compiler.layersOf(front);
  assert.deepEqual(
    after.filter((layer) => !before.includes(layer)),
    ["routes/scope/default/?tier=front"],
  );

  compiler.update([routes(named("rest", {}))]);
  assert.deepEqual(compiler.layersOf(front), before);
  assert.deepEqual(routesOf(compiler, front), ["rest"]);
});

test("by namespace: each namespace's table says what its callers meet, and nobody moves", () => {
  const compiler = world();
  compiler.takeMoved();
  compiler.update([routes(named("team", { sourceNamespace: ns("team") }), named("rest", {}))]);
  assert.deepEqual(routesOf(compiler, other), ["team", "rest"]);
  assert.deepEqual(routesOf(compiler, front), ["rest"]);
  const { workloads: moved, namespaces } = compiler.takeMoved();
  assert.equal(moved.size + namespaces.size, 0);
});

test("callers that are alike in what is asked share one table", () => {
  const compiler = world();
  const twin = sidecar("twin", "default", { labels: { tier: "front", build: "8" } });
  compiler.update([setWorkload(twin), routes(named("front", { sourceLabels: { tier: "front" } }))]);
  const shared = (workload: SidecarWorkload) =>
    compiler.layersOf(workload).filter((layer) => !layer.startsWith("own/"));
  assert.deepEqual(shared(twin), shared(front));
});
