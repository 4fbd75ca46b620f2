/** Endpoints by the caller's locality: which layers hold them, and for whom. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Compiler } from "../../src/compile/compiler.ts";
import type { EndpointsItem } from "../../src/compile/ir.ts";
import type { Locality } from "../../src/model/names.ts";
import type { TrafficSettings } from "../../src/model/traffic.ts";
import { nameOfWorkload, type Workload } from "../../src/model/workload.ts";
import {
  destinationRule,
  endpoint,
  ns,
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
