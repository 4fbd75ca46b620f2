import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Compiler, layersOfCaller } from "../../src/compile/compiler.ts";
import type { InputChange } from "../../src/compile/input.ts";
import type { Item } from "../../src/compile/ir.ts";
import type { LayerChange } from "../../src/compile/layer.ts";
import type { Locality } from "../../src/model/names.ts";
import type { MeshObject } from "../../src/model/object.ts";
import type { HttpMatch, HttpRoute } from "../../src/model/route.ts";
import type { TrafficSettings } from "../../src/model/traffic.ts";
import type { Workload } from "../../src/model/workload.ts";
import { nameOfWorkload } from "../../src/model/workload.ts";
import { anyEntry } from "./entries.ts";
import {
  destinationRule,
  endpoint,
  hostOf,
  ns,
  setObject,
  setShard,
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

/** What the step computed, by kind. */
function recomputedBy(compiler: Compiler, step: () => void): Readonly<Record<string, number>> {
  const before = new Map(compiler.recomputed);
  step();
  const grown = [...compiler.recomputed].map(([kind, count]) => [kind, count - (before.get(kind) ?? 0)] as const);
  return Object.fromEntries(grown.filter(([, count]) => count > 0));
}

function workload(value: Workload): InputChange {
  return { kind: "workload", workload: value };
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
  return [...shards, workload(sidecar("client")), workload(sidecar("shopper", "shop"))];
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
  compiler.update([workload(mine)]);
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
  compiler.update([...meshOf(3), workload(caller)]);
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

const services = ["a", "b", "c"];
const anyRequest: HttpMatch = { ignoreUriCase: false, headers: [], withoutHeaders: [], query: [], gateways: [] };

function routing(one: MeshObject & { readonly kind: "VirtualService" }, route: Partial<HttpRoute>): MeshObject {
  return { ...one, http: one.http.map((known) => ({ ...known, ...route })) };
}

const [near, far] = ["eu/a" as Locality, "us/a" as Locality];
const anywhere = { pattern: {}, percent: 100 };
const settings: readonly TrafficSettings[] = [
  {},
  { balancer: { key: { kind: "header", name: "x-user" }, table: { kind: "ring" } } },
  { locality: { kind: "failover", regions: [] }, outlierDetection: {} },
  { locality: { kind: "distribute", shares: [{ from: { region: "eu" }, to: [anywhere] }] } },
];
const anyChange: fc.Arbitrary<InputChange> = fc.oneof(
  fc
    .record({
      name: fc.constantFrom(...services),
      source: fc.constantFrom("api", "agent"),
      portNames: fc.subarray(["http:80", "tcp-x:90", "web:81"], { minLength: 1 }),
      ids: fc.subarray(["1", "2", "3"]),
      version: fc.constantFrom("v1", "v2"),
    })
    .map(({ name, source, portNames, ids, version }) =>
      setShard(
        shard(
          name,
          ids.map((id) => endpoint(id, { labels: { version }, locality: id === "1" ? near : far })),
          { source, portNames },
        ),
      ),
    ),
  fc
    .record({ name: fc.constantFrom(...services), source: fc.constantFrom("api", "agent") })
    .map(({ name, source }) => ({
      kind: "shard-removed" as const,
      service: { namespace: ns("default"), name },
      source,
      shard: 0,
    })),
  fc
    .record({
      host: fc.constantFrom(...services, "nowhere", "api.example.com"),
      subset: fc.constantFrom("v1", "v2"),
      exportTo: fc.constantFrom<readonly string[]>([], ["shop"], ["default"]),
      createdAt: fc.nat(3),
      name: fc.constantFrom("one", "two"),
      route: fc.constantFrom<Partial<HttpRoute>>(
        {},
        { delegate: { namespace: ns("default"), name: "inner" }, destinations: [] },
        { matches: [{ ...anyRequest, sourceLabels: { app: "client" } }] },
        { matches: [{ ...anyRequest, sourceNamespace: ns("shop") }] },
      ),
    })
    .map(({ host, subset, route, ...rest }) => setObject(routing(virtualService(host, { subset }, rest), route))),
  fc
    .constantFrom(...services)
    .map((host) => setObject(virtualService(host, {}, { name: "inner", hosts: [], exportTo: ["*"] }))),
  fc
    .record({
      host: fc.constantFrom(...services, "api.example.com"),
      versions: fc.subarray(["v1", "v2"]),
      namespace: fc.constantFrom(ns("default"), ns("shop"), ns("mesh-system")),
      exportTo: fc.constantFrom<readonly string[]>([], ["shop"]),
      settings: fc.constantFrom(...settings),
    })
    .map(({ host, versions, ...rest }) => setObject(destinationRule(host, versions, rest))),
  fc
    .record({
      hosts: fc.subarray(["./*", `default/${hostOf("a")}`, "*/*.default.svc.cluster.local"], { minLength: 1 }),
      namespace: fc.constantFrom(ns("default"), ns("shop"), ns("mesh-system")),
      name: fc.constantFrom("one", "two"),
      selector: fc.constantFrom(undefined, { labels: { app: "client" } }),
    })
    .map(({ hosts, selector, ...rest }) => setObject(sidecarObject(hosts, { ...rest, ...(selector && { selector }) }))),
  fc
    .record({
      host: fc.constantFrom(...services, "nowhere"),
      name: fc.constantFrom("one", "two"),
      createdAt: fc.nat(3),
      timeoutMs: fc.nat(3),
    })
    .map(({ host, timeoutMs, ...rest }) => {
      const service = { namespace: ns("default"), name: host };
      const settings = { connectionPool: { maxRetries: timeoutMs } };
      const policy = {
        kind: "TrafficPolicy",
        namespace: ns("default"),
        service,
        settings,
        routes: { timeoutMs },
      } as const;
      return setObject({ ...policy, ...rest });
    }),
  fc
    .record({
      kind: fc.constantFrom(...(["VirtualService", "DestinationRule", "TrafficPolicy", "Sidecar"] as const)),
      namespace: fc.constantFrom(ns("default"), ns("shop"), ns("mesh-system")),
      name: fc.constantFrom(...services, "one", "two", "inner"),
    })
    .map((ref) => ({ kind: "object-removed" as const, ref })),
  anyEntry,
  fc.constantFrom(
    workload(sidecar("client")),
    workload(sidecar("client", "default", { locality: near })),
    workload(sidecar("shopper", "shop")),
    workload(sidecar("shopper", "shop", { locality: far })),
  ),
  fc.constant({ kind: "workload-removed" as const, name: nameOfWorkload(sidecar("shopper", "shop")) }),
);

/** Layers rebuilt from the changes alone, as those who serve them do. */
class Follower {
  readonly layers = new Map<string, Map<string, Item>>();

  apply(changes: readonly LayerChange<Item>[]): void {
    for (const { layer, set, removed } of changes) {
      const items = this.layers.get(layer) ?? new Map<string, Item>();
      for (const item of set) items.set(`${item.type} ${item.name}`, item);
      for (const { type, name } of removed) items.delete(`${type} ${name}`);
      if (items.size > 0) this.layers.set(layer, items);
      else this.layers.delete(layer);
    }
  }

  state(): unknown {
    const sorted = <T>(map: ReadonlyMap<string, T>): [string, T][] => [...map].sort(([a], [b]) => (a < b ? -1 : 1));
    return sorted(this.layers).map(([layer, items]) => [layer, sorted(items)]);
  }
}

test("after any sequence of steps, the layers are those of a fresh compile of what is left, in any order", () => {
  fc.assert(
    fc.property(fc.array(fc.array(anyChange, { maxLength: 4 }), { maxLength: 8 }), (steps) => {
      const [compiler, follower] = [new Compiler(), new Follower()];
      for (const step of steps) follower.apply(compiler.update(step));

      const left = new Map<string, InputChange>();
      const keyOf = (change: InputChange): string => {
        if (change.kind === "shard") return `${change.shard.service.name} ${change.shard.source}`;
        if (change.kind === "shard-removed") return `${change.service.name} ${change.source}`;
        if (change.kind === "object") return `${change.object.kind} ${change.object.namespace} ${change.object.name}`;
        if (change.kind === "object-removed") return `${change.ref.kind} ${change.ref.namespace} ${change.ref.name}`;
        if (change.kind === "workload") return nameOfWorkload(change.workload);
        return change.kind === "workload-removed" ? change.name : change.kind;
      };
      follower.apply(compiler.update([{ kind: "caller", namespace: ns("default"), present: true }]));
      for (const change of steps.flat()) {
        if (change.kind.endsWith("-removed")) left.delete(keyOf(change));
        else left.set(keyOf(change), change);
      }
      const fresh = new Follower();
      const again = [...left.values()].reverse();
      fresh.apply(new Compiler().update([...again, { kind: "caller", namespace: ns("default"), present: true }]));
      assert.deepEqual(follower.state(), fresh.state());
    }),
    { numRuns: 200 },
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
