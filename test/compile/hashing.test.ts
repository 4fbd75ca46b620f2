/** Consistent hashing in route tables: who hashes otherwise has virtual hosts of its own, and everybody else shares. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Compiler, layersOfCaller } from "../../src/compile/compiler.ts";
import type { RouteTableItem, VirtualHost } from "../../src/compile/ir.ts";
import type { HashKey, TrafficSettings } from "../../src/model/traffic.ts";
import {
  destinationRule,
  endpoint,
  hostOf,
  ns,
  setObject,
  setShard,
  setWorkload,
  shard,
  sidecar,
  sidecarObject,
  virtualService,
} from "./mesh.ts";

const byHeader = (name: string): TrafficSettings => ({
  balancer: { key: { kind: "header", name }, table: { kind: "ring" } },
});

function meshOf(namespaces: readonly string[]): Compiler {
  const compiler = new Compiler();
  compiler.update([
    ...["cart", "reviews"].map((name) => setShard(shard(name, [endpoint("1")], { namespace: "default" }))),
    ...namespaces.map((namespace) => setWorkload(sidecar("client", namespace))),
  ]);
  return compiler;
}

function hostIn(compiler: Compiler, namespace: string, name: string): VirtualHost {
  const tables = layersOfCaller(ns(namespace)).flatMap((layer) =>
    compiler.items(layer).filter((item): item is RouteTableItem => item.type === "route"),
  );
  return tables[0]?.virtualHosts.find((one) => one.name === `${hostOf(name)}:80`) ?? assert.fail(`no ${name}`);
}

function hashIn(compiler: Compiler, namespace: string, name: string): readonly HashKey[] {
  const action = hostIn(compiler, namespace, name).routes.at(-1)?.action;
  return action?.kind === "forward" ? (action.hash ?? []) : [];
}

test("a namespace whose rule hashes otherwise has its own virtual host; two others share theirs", () => {
  const compiler = meshOf(["shop", "bank", "farm"]);
  compiler.update([
    setObject(destinationRule("reviews", [], { settings: byHeader("x-user") })),
    setObject(destinationRule("reviews", [], { namespace: ns("shop"), name: "own", settings: byHeader("x-shopper") })),
  ]);

  assert.deepEqual(hashIn(compiler, "shop", "reviews"), [{ kind: "header", name: "x-shopper" }]);
  assert.deepEqual(hashIn(compiler, "bank", "reviews"), [{ kind: "header", name: "x-user" }]);
  assert.equal(hostIn(compiler, "bank", "reviews"), hostIn(compiler, "farm", "reviews"));
  assert.equal(hostIn(compiler, "bank", "cart"), hostIn(compiler, "shop", "cart"));
});

test("rules that do not hash leave the route tables as they are", () => {
  const compiler = meshOf(["shop", "bank"]);
  const before = hostIn(compiler, "shop", "reviews");
  const changes = compiler.update([
    setObject(destinationRule("reviews", ["v1"], { settings: { balancer: "random" } })),
    setObject(destinationRule("reviews", [], { namespace: ns("shop"), name: "own", settings: { balancer: "random" } })),
  ]);

  assert.ok(changes.every(({ layer }) => !layer.startsWith("routes")));
  assert.equal(hostIn(compiler, "shop", "reviews"), before);
  assert.equal(hostIn(compiler, "bank", "reviews"), before);
});

test("a route learns by what the services that it leads to hash, as its callers see them, and forgets it again", () => {
  const compiler = meshOf(["shop", "bank"]);
  const own = destinationRule("reviews", [], { namespace: ns("shop"), name: "own", settings: byHeader("x-shopper") });
  compiler.update([setObject(virtualService("cart", { host: hostOf("reviews") })), setObject(own)]);
  assert.deepEqual(hashIn(compiler, "shop", "cart"), [{ kind: "header", name: "x-shopper" }]);
  assert.deepEqual(hashIn(compiler, "bank", "cart"), []);

  compiler.update([{ kind: "object-removed", ref: own }]);

  assert.deepEqual(hashIn(compiler, "shop", "cart"), []);
  assert.equal(hostIn(compiler, "shop", "cart"), hostIn(compiler, "bank", "cart"));
});

test("callers under a Sidecar hash as their namespace does", () => {
  const compiler = new Compiler();
  const client = sidecar("client", "shop");
  compiler.update([
    setShard(shard("reviews", [endpoint("1")])),
    setWorkload(client),
    setObject(sidecarObject(["default/*"], { namespace: ns("shop") })),
    setObject(destinationRule("reviews", [], { namespace: ns("shop"), name: "own", settings: byHeader("x-shopper") })),
  ]);

  const table = compiler
    .layersOf(client)
    .flatMap((layer) => compiler.items(layer))
    .find((item): item is RouteTableItem => item.type === "route" && item.name === "outbound");
  const action = table?.virtualHosts.find(({ name }) => name === `${hostOf("reviews")}:80`)?.routes.at(-1)?.action;

  assert.deepEqual(action?.kind === "forward" ? action.hash : undefined, [{ kind: "header", name: "x-shopper" }]);
});

test("a subset whose loadBalancer says nothing of a hash has none", () => {
  const compiler = meshOf(["shop"]);
  const subset = { name: "v1", labels: {}, settings: { warmup: { durationMs: 1_000 } }, portSettings: {} };
  compiler.update([
    setObject(destinationRule("reviews", [], { settings: byHeader("x-user"), subsets: [subset] })),
    setObject(virtualService("reviews", { subset: "v1" })),
  ]);
  assert.deepEqual(hashIn(compiler, "shop", "reviews"), []);

  compiler.update([setObject(virtualService("reviews", { subset: "unknown" }))]);

  assert.deepEqual(hashIn(compiler, "shop", "reviews"), [{ kind: "header", name: "x-user" }]);
});
