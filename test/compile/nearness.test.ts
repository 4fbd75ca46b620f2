/** Endpoints by the caller's locality and labels: which layers hold them, and for whom. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Compiler } from "../../src/compile/compiler.ts";
import type { EndpointsItem, Item } from "../../src/compile/ir.ts";
import type { Locality } from "../../src/model/names.ts";
import type { PriorityLabel, TrafficSettings } from "../../src/model/traffic.ts";
import { nameOfWorkload, type SidecarWorkload, type Workload } from "../../src/model/workload.ts";
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

const near = "eu/a" as Locality;
const far = "us/a" as Locality;
const nearestFirst: TrafficSettings = { locality: { kind: "failover", regions: [] }, outlierDetection: {} };

function meshOf(...callers: readonly Workload[]): Compiler {
  const compiler = new Compiler();
  const endpoints = [endpoint("1", { locality: near }), endpoint("2", { locality: far })];
  compiler.update([setShard(shard("reviews", endpoints)), ...callers.map(setWorkload)]);
  return compiler;
}

/** Localities of the service's endpoints as the workload is served them, the first to be used first. */
function orderFor(compiler: Compiler, caller: Workload): readonly string[] {
  const all = compiler.layersOf(caller).flatMap((layer) => compiler.items(layer));
  const item = all.filter((one): one is EndpointsItem => one.type === "endpoints").at(-1);
  return (item?.localities ?? []).map(({ locality, priority = 0 }) => `${priority} ${locality}`).sort();
}

test("each caller sees the endpoints of its own locality first; one without a locality sees them all alike", () => {
  const [here, there] = [sidecar("here", "default", { locality: near }), sidecar("there", "shop", { locality: far })];
  const nowhere = sidecar("nowhere");
  const compiler = meshOf(here, there, nowhere);
  assert.deepEqual(orderFor(compiler, here), ["0 eu/a", "0 us/a"]);

  compiler.update([setObject(destinationRule("reviews", [], { settings: nearestFirst }))]);

  assert.deepEqual(orderFor(compiler, here), ["0 eu/a", "1 us/a"]);
  assert.deepEqual(orderFor(compiler, there), ["0 us/a", "1 eu/a"]);
  assert.deepEqual(orderFor(compiler, nowhere), ["0 eu/a", "0 us/a"]);
});

test("a caller under a Sidecar sees them so too, and none that its Sidecar hides", () => {
  const caller = sidecar("here", "shop", { locality: near });
  const compiler = meshOf(caller);
  compiler.update([
    setObject(destinationRule("reviews", [], { settings: nearestFirst })),
    setObject(sidecarObject(["default/*"], { namespace: ns("shop") })),
  ]);
  assert.deepEqual(orderFor(compiler, caller), ["0 eu/a", "1 us/a"]);

  compiler.update([setObject(sidecarObject(["bank/*"], { namespace: ns("shop") }))]);

  assert.deepEqual(orderFor(compiler, caller), []);
});

test("so does a caller for whose labels routes ask", () => {
  const caller = sidecar("here", "default", { locality: near });
  const compiler = meshOf(caller);
  const match = { ignoreUriCase: false, headers: [], withoutHeaders: [], query: [], gateways: [] };
  const asking = { mirrors: [], destinations: [], matches: [{ ...match, sourceLabels: { app: "here" } }] };

  compiler.update([
    setObject(destinationRule("reviews", [], { settings: nearestFirst })),
    setObject(virtualService("reviews", {}, { http: [asking] })),
  ]);

  assert.ok(compiler.layersOf(caller).some((layer) => layer.startsWith("routes/scope/")));
  assert.deepEqual(orderFor(compiler, caller), ["0 eu/a", "1 us/a"]);
});

test("the rule is the one that the caller's namespace sees", () => {
  const [here, there] = [sidecar("here", "default", { locality: near }), sidecar("there", "shop", { locality: near })];
  const compiler = meshOf(here, there);

  compiler.update([
    setObject(destinationRule("reviews", [], { namespace: ns("shop"), name: "own", settings: nearestFirst })),
  ]);

  assert.deepEqual(orderFor(compiler, here), ["0 eu/a", "0 us/a"]);
  assert.deepEqual(orderFor(compiler, there), ["0 eu/a", "1 us/a"]);
});

test("localities cost nothing where no rule asks for them, and the last caller of one takes its layer with it", () => {
  const caller = sidecar("here", "default", { locality: near });
  const compiler = meshOf();
  assert.deepEqual(
    compiler.update([setWorkload(caller)]).map(({ layer }) => layer),
    ["own/here.default", "routes/ns/default"],
  );
  compiler.update([setObject(destinationRule("reviews", [], { settings: nearestFirst }))]);

  const gone = compiler.update([{ kind: "workload-removed", name: nameOfWorkload(caller) }]);

  assert.ok(gone.some(({ layer, removed }) => layer === "endpoints/near/default/eu/a" && removed.length === 1));
});

/** Versions of the service's endpoints as the workload is served them, the first to be used first. */
function versionsFor(compiler: Compiler, caller: Workload): readonly string[] {
  return orderOf(compiler.layersOf(caller).flatMap((layer) => compiler.items(layer)));
}

function orderOf(items: readonly Item[]): readonly string[] {
  const item = items.filter((one): one is EndpointsItem => one.type === "endpoints").at(-1);
  const versions: Readonly<Record<string, string>> = { "10.0.0.1": "v1", "10.0.0.2": "v2" };
  return (item?.localities ?? [])
    .flatMap(({ priority = 0, endpoints }) => endpoints.map(({ address }) => `${priority} ${versions[address]}`))
    .sort();
}

const shop = ns("shop");
const alikeFirst = (...labels: readonly PriorityLabel[]): TrafficSettings => ({
  locality: { kind: "labels", labels },
  outlierDetection: {},
});
const ofVersion = (name: string, version: string, rest: Partial<SidecarWorkload> = {}): SidecarWorkload =>
  sidecar(name, "shop", { labels: { app: name, version }, ...rest });

function versionsOf(...callers: readonly Workload[]): Compiler {
  const compiler = new Compiler();
  const endpoints = ["1", "2"].map((id) => endpoint(id, { labels: { version: `v${id}` } }));
  compiler.update([setShard(shard("reviews", endpoints)), ...callers.map(setWorkload)]);
  return compiler;
}

test("callers that are alike in the labels that a rule names share a layer, whatever other labels they have", () => {
  const [one, alike, other] = [ofVersion("one", "v1"), ofVersion("alike", "v1"), ofVersion("other", "v2")];
  const compiler = versionsOf(one, alike, other);
  const before = compiler.layersOf(one);

  compiler.update([setObject(destinationRule("reviews", [], { settings: alikeFirst({ name: "version" }) }))]);

  assert.deepEqual(versionsFor(compiler, one), ["0 v1", "1 v2"]);
  assert.deepEqual(versionsFor(compiler, other), ["0 v2", "1 v1"]);
  const near = compiler.layersOf(one).filter((layer) => !before.includes(layer));
  assert.deepEqual(near, ["endpoints/near/shop/?version=v1"]);
  assert.deepEqual(
    compiler.layersOf(alike).filter((layer) => layer.startsWith("endpoints/near/")),
    near,
  );
  assert.deepEqual([...compiler.takeMoved().workloads].sort(), ["alike.shop", "one.shop", "other.shop"]);

  compiler.update([
    { kind: "object-removed", ref: { kind: "DestinationRule", namespace: ns("default"), name: "reviews" } },
  ]);

  assert.deepEqual(compiler.layersOf(one), before);
  assert.deepEqual(versionsFor(compiler, one), ["0 v1", "0 v2"]);
});

test("a value that the rule names is the same for all, also for callers without a record", () => {
  const compiler = versionsOf(ofVersion("one", "v1"));
  compiler.update([{ kind: "caller", namespace: shop, present: true }]);
  const before = compiler.layersOf(ofVersion("one", "v1"));

  const settings = alikeFirst({ name: "version", value: "v2" });
  compiler.update([setObject(destinationRule("reviews", [], { settings }))]);

  assert.deepEqual(compiler.layersOf(ofVersion("one", "v1")), before);
  assert.deepEqual(versionsFor(compiler, ofVersion("one", "v1")), ["0 v2", "1 v1"]);
  const items = compiler.layersOfCaller(shop).flatMap((layer) => compiler.items(layer));
  assert.deepEqual(orderOf(items), ["0 v2", "1 v1"]);
});

test("who leaves a place for another one is served from the first until the next step", () => {
  const caller = ofVersion("one", "v1", { locality: near });
  const compiler = versionsOf(caller);
  compiler.update([setObject(destinationRule("reviews", [], { settings: alikeFirst({ name: "version" }) }))]);
  const [left = assert.fail()] = compiler.layersOf(caller).filter((layer) => layer.startsWith("endpoints/near/"));

  const other = { host: hostOf("ratings"), settings: alikeFirst({ name: "app" }) };
  const step = compiler.update([setObject(destinationRule("ratings", [], other))]);

  assert.ok(!step.some(({ layer }) => layer === left));
  assert.deepEqual(versionsFor(compiler, caller), ["0 v1", "1 v2"]);
  assert.ok(!compiler.layersOf(caller).includes(left));
  compiler.update([]);
  assert.deepEqual(compiler.items(left), []);
});

test("under a Sidecar labels order endpoints too", () => {
  const caller = ofVersion("one", "v2");
  const compiler = versionsOf(caller);

  compiler.update([
    setObject(destinationRule("reviews", [], { settings: alikeFirst({ name: "version" }) })),
    setObject(sidecarObject(["default/*"], { namespace: shop })),
  ]);

  assert.deepEqual(versionsFor(compiler, caller), ["0 v2", "1 v1"]);
});

test("a label that no rule names costs nothing, and one that a rule names nothing where another rule holds", () => {
  const compiler = versionsOf(ofVersion("one", "v1"));
  compiler.update([
    setShard(shard("ratings", [endpoint("3")])),
    setObject(destinationRule("ratings", [], { settings: nearestFirst })),
    setObject(destinationRule("reviews", [], { settings: alikeFirst({ name: "version" }) })),
  ]);

  const ran = recomputedBy(compiler, () => compiler.update([setWorkload(ofVersion("two", "v3"))]));

  // The new place is another one for reviews alone.
  assert.equal(ran.near, 1);
});
