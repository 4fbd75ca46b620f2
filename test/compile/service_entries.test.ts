/** Destinations that users declare: who meets which, and what a change of one costs. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Compiler } from "../../src/compile/compiler.ts";
import type { Item } from "../../src/compile/ir.ts";
import type { LayerChange } from "../../src/compile/layer.ts";
import { entriesFor, viewsOfEntries } from "../../src/compile/service_entries.ts";
import { declaredEndpoint, serviceEntry, workloadEntry } from "./entries.ts";
import { endpoint, hostOf, ns, recomputedBy, setObject, setShard, setWorkload, shard, sidecar } from "./mesh.ts";

function named(changes: readonly LayerChange<Item>[]): readonly string[] {
  return changes.flatMap(({ layer, set, removed }) => [
    ...set.map(({ type, name }) => `${layer}: ${type} ${name}`),
    ...removed.map(({ type, name }) => `${layer}: -${type} ${name}`),
  ]);
}

function meshOf(services: number): Compiler {
  const compiler = new Compiler();
  const shards = Array.from({ length: services }, (_, index) => setShard(shard(`s${index}`, [endpoint("1")])));
  compiler.update([...shards, setWorkload(sidecar("client")), setWorkload(sidecar("shopper", "shop"))]);
  return compiler;
}

const host = "api.example.com";
const cluster = `outbound|80||${host}`;

test("a changed endpoint changes its own assignment, and nothing else is computed", () => {
  const compiler = meshOf(20);
  compiler.update([setObject(serviceEntry([host]))]);
  const recomputed = recomputedBy(compiler, () => {
    const changes = named(
      compiler.update([setObject(serviceEntry([host], { endpoints: [declaredEndpoint("10.1.0.2")] }))]),
    );
    assert.deepEqual(changes, [`endpoints/mesh: endpoints ${cluster}`]);
  });
  assert.deepEqual(recomputed, {
    merge: 1,
    ports: 1,
    identities: 1,
    assignment: 1,
    service: 1,
    views: 1,
  });
});

test("an entry that is shown to one namespace is in that namespace's layers alone", () => {
  const compiler = meshOf(1);
  const changes = named(compiler.update([setObject(serviceEntry([host], { exportTo: ["shop"] }))]));
  assert.deepEqual([...changes].sort(), [
    `clusters/ns/shop: cluster ${cluster}`,
    `endpoints/ns/shop: endpoints ${cluster}`,
    "routes/ns/shop: route outbound",
  ]);
  const gone = compiler.update([
    { kind: "object-removed", ref: { kind: "ServiceEntry", namespace: ns("default"), name: "entry" } },
  ]);
  assert.equal(named(gone).length, 3);
});

test("a host that becomes a service is one, and is declared again when the service has gone", () => {
  const compiler = meshOf(0);
  const service = hostOf("legacy");
  compiler.update([setObject(serviceEntry([service], { resolution: "dns", endpoints: [] }))]);
  const kinds = () =>
    compiler
      .layersOf(sidecar("client"))
      .flatMap((layer) => compiler.items(layer))
      .flatMap((item) => (item.type === "cluster" && item.name.endsWith(service) ? item.upstream.kind : []));
  assert.deepEqual(kinds(), ["names"]);
  const known = shard("legacy", [endpoint("1")]);
  compiler.update([setShard(known)]);
  assert.deepEqual(kinds(), ["endpoints"]);
  compiler.update([{ kind: "shard-removed", service: known.service, source: "api", shard: 0 }]);
  assert.deepEqual(kinds(), ["names"]);
});

test("a WorkloadEntry changes those that select it", () => {
  const compiler = meshOf(2);
  const selecting = { selector: { labels: { app: "vm" } }, endpoints: [] };
  compiler.update([
    setObject(serviceEntry([host], selecting)),
    setObject(
      serviceEntry(["other.example.com"], { name: "other", selector: { labels: { app: "db" } }, endpoints: [] }),
    ),
  ]);
  assert.deepEqual(named(compiler.update([setObject(workloadEntry("vm"))])), [`endpoints/mesh: endpoints ${cluster}`]);
});

test("of several entries a namespace's own hold, else those of the oldest's; those that find endpoints alike are one", () => {
  const [shop, bank] = [ns("shop"), ns("bank")];
  const all = [
    serviceEntry([host], { name: "young", namespace: bank, createdAt: 3 }),
    serviceEntry([host], { name: "old", namespace: shop, createdAt: 1 }),
    serviceEntry([host], { name: "alike", namespace: shop, createdAt: 2 }),
    serviceEntry([host], { name: "otherwise", namespace: shop, createdAt: 2, resolution: "dns" }),
    serviceEntry([host], { name: "own", createdAt: 4, exportTo: ["default"] }),
  ];
  const holding = (view: Parameters<typeof entriesFor>[1]) => entriesFor(all, view).map(({ name }) => name);
  assert.deepEqual(holding(""), ["old", "alike"]);
  assert.deepEqual(holding(ns("elsewhere")), ["old", "alike"]);
  assert.deepEqual(holding(bank), ["young"]);
  assert.deepEqual(holding(ns("default")), ["own"]);
  assert.deepEqual(viewsOfEntries(all), ["bank", "default", "shop"]);
  assert.deepEqual(viewsOfEntries(all.slice(1, 4)), []);
});
