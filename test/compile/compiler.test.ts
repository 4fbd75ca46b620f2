import assert from "node:assert/strict";
import { test } from "node:test";
import { Compiler, layersOfCaller } from "../../src/compile/compiler.ts";
import type { InputChange } from "../../src/compile/input.ts";
import type { Item } from "../../src/compile/ir.ts";
import type { LayerChange } from "../../src/compile/layer.ts";
import { nameOfStoredSecret } from "../../src/model/secret_name.ts";
import { nameOfWorkload } from "../../src/model/workload.ts";
import {
  destinationRule,
  endpoint,
  hostOf,
  ns,
  recomputedBy,
  setObject,
  setShard,
  setWorkload,
  shard,
  sidecar,
  sidecarObject,
  virtualService,
} from "./mesh.ts";

function named(changes: readonly LayerChange<Item>[]): readonly string[] {
  return changes.flatMap(({ layer, set, removed }) => [
    ...set.map(({ type, name }) => `${layer}: ${type} ${name}`),
    ...removed.map(({ type, name }) => `${layer}: -${type} ${name}`),
  ]);
}

function meshOf(services: number): InputChange[] {
  const shards = Array.from({ length: services }, (_, index) =>
    setShard(
      shard(
        `s${index}`,
        Array.from({ length: 10 }, (_, id) => endpoint(String(id + 1), { labels: { version: id < 5 ? "v1" : "v2" } })),
      ),
    ),
  );
  return [...shards, setWorkload(sidecar("client")), setWorkload(sidecar("shopper", "shop"))];
}

test("one changed endpoint changes the endpoints of its port and the subsets that select it, and nothing else", () => {
  const compiler = new Compiler();
  compiler.update([...meshOf(20), setObject(destinationRule("s7", ["v1", "v2"]))]);
  const changed = shard("s7", [
    endpoint("1", { address: "10.9.9.9", labels: { version: "v1" } }),
    endpoint("2", { labels: { version: "v2" } }),
  ]);
  const same = shard("s7", [
    endpoint("1", { labels: { version: "v1" } }),
    endpoint("2", { labels: { version: "v2" } }),
  ]);
  compiler.update([setShard(same)]);

  let changes: readonly string[] = [];
  const recomputed = recomputedBy(compiler, () => {
    changes = named(compiler.update([setShard(changed)]));
  });

  const host = hostOf("s7");
  assert.deepEqual(changes, [
    `endpoints/mesh: endpoints outbound|80||${host}`,
    `endpoints/mesh: endpoints outbound|80|v1|${host}`,
  ]);
  // One merge; the two things that clusters and routes read of it come out the same; port × subsets.
  assert.deepEqual(recomputed, { merge: 1, ports: 1, identities: 1, assignment: 3, service: 1 });
});

test("a VirtualService changes only the route tables of those who see it", () => {
  const compiler = new Compiler();
  compiler.update(meshOf(20));
  const everybody = named(compiler.update([setObject(virtualService("s1", { subset: "v1" }))]));
  assert.deepEqual([...everybody].sort(), ["routes/ns/default: route outbound", "routes/ns/shop: route outbound"]);

  const mine = virtualService("s2", { subset: "v1" }, { exportTo: ["default"] });
  let changes: readonly string[] = [];
  const recomputed = recomputedBy(compiler, () => {
    changes = named(compiler.update([setObject(mine)]));
  });
  assert.deepEqual(changes, ["routes/ns/default: route outbound"]);
  assert.equal(recomputed.hosts, 1);
});

test("a namespace's table has its own short names and what it alone is shown; those that have neither share one", () => {
  const compiler = new Compiler();
  const callers = ["default", "shop", "seer", "other", "third"].map((name) => ns(name));
  compiler.update([
    setShard(shard("reviews", [endpoint("1")])),
    setShard(shard("cart", [endpoint("2")], { namespace: "shop" })),
    setObject(virtualService("reviews", { subset: "v1" }, { exportTo: ["seer"] })),
    ...callers.map((namespace): InputChange => ({ kind: "caller", namespace, present: true })),
  ]);
  const tables = callers.map((namespace) => {
    const [table] = compiler.items(layersOfCaller(namespace).at(-1) ?? assert.fail());
    assert.ok(table?.type === "route");
    return table;
  });
  const shorts = tables.map(({ virtualHosts }) =>
    virtualHosts.flatMap(({ domains }) => domains.filter((domain) => domain === "reviews" || domain === "cart")),
  );
  assert.deepEqual(shorts, [["reviews"], ["cart"], [], [], []]);
  const clusters = tables.map(({ virtualHosts }) => {
    const reviews = virtualHosts.find(({ name }) => name === `${hostOf("reviews")}:80`);
    const { action } = reviews?.routes.at(-1) ?? assert.fail();
    return action.kind === "forward" ? action.clusters.map(({ name }) => name).join() : action.kind;
  });
  const [all, v1] = [`outbound|80||${hostOf("reviews")}`, `outbound|80|v1|${hostOf("reviews")}`];
  assert.deepEqual(clusters, [all, all, v1, all, all]);
  assert.equal(tables[3], tables[4]);

  compiler.update([setObject(virtualService("reviews", { subset: "v1" }))]);
  const [shown] = compiler.items(layersOfCaller(ns("other")).at(-1) ?? assert.fail());
  assert.ok(JSON.stringify(shown).includes(v1));
});

test("what is said again changes nothing", () => {
  const compiler = new Compiler();
  const mesh = [...meshOf(5), setObject(destinationRule("s1", ["v1"]))];
  compiler.update(mesh);
  assert.deepEqual(named(compiler.update(mesh)), []);
});

test("a service whose endpoints have all gone keeps its cluster and an empty assignment; one without shards goes", () => {
  const compiler = new Compiler();
  compiler.update([setShard(shard("reviews", [endpoint("1")]))]);
  compiler.update([setShard(shard("reviews", []))]);
  const [layer] = layersOfCaller(ns("default"));
  assert.ok(layer);
  const names = (): readonly string[] => compiler.items(layer).map(({ name }) => name);
  assert.ok(names().includes(`outbound|80||${hostOf("reviews")}`));

  const service = { namespace: ns("default"), name: "reviews" };
  const changes = named(compiler.update([{ kind: "shard-removed", service, source: "api", shard: 0 }]));
  assert.ok(changes.includes(`clusters/mesh: -cluster outbound|80||${hostOf("reviews")}`));
  assert.ok(changes.includes(`endpoints/mesh: -endpoints outbound|80||${hostOf("reviews")}`));
});

test("a workload's own layer lives as long as its record, a namespace's table as long as it has callers", () => {
  const compiler = new Compiler();
  const mine = sidecar("client");
  compiler.update([setWorkload(mine)]);
  assert.equal(compiler.items(compiler.layersOf(mine).at(-1) ?? assert.fail()).length, 1);
  const changes = named(compiler.update([{ kind: "workload-removed", name: nameOfWorkload(mine) }]));
  assert.deepEqual([...changes].sort(), [
    "own/client.default: -listener outbound",
    "routes/ns/default: -route outbound",
  ]);

  const caller = { kind: "caller", namespace: ns("default") } as const;
  compiler.update([
    { ...caller, present: true },
    { ...caller, present: true },
    { ...caller, present: false },
  ]);
  assert.equal(compiler.items(layersOfCaller(ns("default")).at(-1) ?? assert.fail()).length, 1);
});

test("a TCP route changes the ways out of those who declared one to its service, and nobody else's", () => {
  const compiler = new Compiler();
  const upstream = { service: { namespace: ns("default"), name: "s1" }, port: 80 };
  const listen = { address: "127.0.0.1", port: 9000 };
  const caller = sidecar("caller", "default", { upstreams: [{ ...upstream, listen }] });
  compiler.update([...meshOf(3), setWorkload(caller)]);
  const route = (to: string) => ({ matches: [], destinations: [{ host: hostOf(to), weight: 100 }] });
  const tcp = virtualService("s1", {}, { http: [], tcp: [route("s2")] });
  assert.deepEqual(named(compiler.update([setObject(tcp)])), ["own/caller.default: listener upstream_127.0.0.1_9000"]);
  // Another's HTTP routes for the same host hold beside it, and are not the upstream's.
  const http = virtualService("s1", { host: hostOf("s0") }, { name: "http", createdAt: 2 });
  const changed = named(compiler.update([setObject(http)]));
  assert.ok(changed.length > 0 && changed.every((name) => name.startsWith("routes/")), changed.join());
});

test("a rule of the caller's namespace makes a layer of that namespace, and only of what differs", () => {
  const compiler = new Compiler();
  const theirs = destinationRule("s1", ["v1"], { namespace: ns("shop"), settings: { balancer: "random" } });
  compiler.update([...meshOf(3), setObject(theirs)]);
  const [mesh, , shop, endpoints] = layersOfCaller(ns("shop")).map((layer) => compiler.items(layer));
  assert.deepEqual(
    shop?.map(({ name }) => name),
    [`outbound|80||${hostOf("s1")}`, `outbound|80|v1|${hostOf("s1")}`],
  );
  assert.deepEqual(
    endpoints?.map(({ name }) => name),
    [`outbound|80|v1|${hostOf("s1")}`],
  );
  assert.ok(!mesh?.some(({ name }) => name.includes("|v1|")));
});

test("a rule with a Secret is for gateways: layers of theirs alone have it; a Secret itself changes no layer", () => {
  const compiler = new Compiler();
  const tls = { server: { roots: { secret: nameOfStoredSecret({ kind: "trust", credential: "web" }) }, names: [] } };
  compiler.update(meshOf(3));
  const changed = compiler.update([setObject(destinationRule("s1", [], { settings: { tls } }))]);
  const own = { ...destinationRule("s1", [], { namespace: ns("shop"), settings: { tls: "disable" } }), name: "own" };
  assert.deepEqual(named(changed), [
    `clusters/mesh: cluster outbound|80||${hostOf("s1")}`,
    `clusters/gateways: cluster outbound|80||${hostOf("s1")}`,
  ]);
  assert.deepEqual(named(compiler.update([setObject(own)])), [
    `clusters/gateways/shop: cluster outbound|80||${hostOf("s1")}`,
  ]);
  const secret = { kind: "Secret", namespace: ns("default"), name: "web", createdAt: 1 } as const;
  const parts = { keyPair: false, authorities: true };
  const apply = () => compiler.update([setObject({ ...secret, parts, version: "2", notAfterMs: 0 })]);
  assert.deepEqual(recomputedBy(compiler, apply), {});
});

test("an identity that appears changes the cluster along with its endpoints", () => {
  const compiler = new Compiler();
  compiler.update([setShard(shard("reviews", [endpoint("1")]))]);
  const other = "spiffe://cluster.local/ns/default/sa/other" as NonNullable<ReturnType<typeof endpoint>["identity"]>;
  const changes = named(
    compiler.update([setShard(shard("reviews", [endpoint("1"), endpoint("2", { identity: other })]))]),
  );
  assert.deepEqual(changes, [
    `clusters/mesh: cluster outbound|80||${hostOf("reviews")}`,
    `endpoints/mesh: endpoints outbound|80||${hostOf("reviews")}`,
  ]);
});

test("a caller under a Sidecar has layers of what it may reach; what it had stays until it has been moved", () => {
  const compiler = new Compiler();
  const client = sidecar("client");
  compiler.update(meshOf(20));
  const before = compiler.layersOf(client);
  const rule = sidecarObject([`./${hostOf("s1")}`, `default/${hostOf("s2")}`]);
  assert.deepEqual([...compiler.takeMoved().workloads], []);

  compiler.update([setObject(rule)]);
  const layers = compiler.layersOf(client);
  assert.deepEqual([...compiler.takeMoved().workloads], [nameOfWorkload(client)]);
  const scoped = named(layers.map((layer) => ({ layer, set: compiler.items(layer), removed: [] }))).slice(0, 6);
  assert.deepEqual([...scoped].sort(), [
    "clusters/scope/default/default.default: cluster dynamic-forward-proxy",
    `clusters/scope/default/default.default: cluster outbound|80||${hostOf("s1")}`,
    `clusters/scope/default/default.default: cluster outbound|80||${hostOf("s2")}`,
    `endpoints/scope/default/default.default: endpoints outbound|80||${hostOf("s1")}`,
    `endpoints/scope/default/default.default: endpoints outbound|80||${hostOf("s2")}`,
    "routes/scope/default/default.default: route outbound",
  ]);

  const changed = setShard(shard("s1", [endpoint("1", { address: "10.9.9.9" })]));
  const recomputed = recomputedBy(compiler, () => compiler.update([changed]));
  assert.deepEqual(recomputed, { merge: 1, ports: 1, identities: 1, assignment: 1, service: 1, scoped: 1 });
  const elsewhere = setShard(shard("s9", [endpoint("1", { address: "10.9.9.9" })]));
  assert.equal(recomputedBy(compiler, () => compiler.update([elsewhere])).scoped, undefined);

  compiler.update([{ kind: "object-removed", ref: rule }]);
  assert.deepEqual(compiler.layersOf(client), before);
  assert.deepEqual([...compiler.takeMoved().workloads], [nameOfWorkload(client)]);
  assert.equal(compiler.items(layers[0] ?? assert.fail()).length, 3);
  compiler.update([]);
  assert.deepEqual(
    layers.slice(0, 3).map((layer) => compiler.items(layer).length),
    [0, 0, 0],
  );
});

test("one endpoint among 1,000 services costs well under a millisecond to compile", () => {
  const compiler = new Compiler();
  compiler.update(meshOf(1_000));
  const rounds = 200;
  const started = process.cpuUsage();
  for (let round = 0; round < rounds; round++) {
    compiler.update([setShard(shard("s500", [endpoint("1", { address: `10.8.0.${round}` })]))]);
  }
  const { user, system } = process.cpuUsage(started);
  const each = (user + system) / rounds / 1_000;
  assert.ok(each < 1, `${each.toFixed(3)} ms of CPU each`);
});
