import assert from "node:assert/strict";
import { test } from "node:test";
import { Compiler } from "../../src/compile/compiler.ts";
import type { RouteTableItem } from "../../src/compile/ir.ts";
import { layerKey } from "../../src/compile/layer.ts";
import type { MeshObject } from "../../src/model/object.ts";
import type { HttpRoute } from "../../src/model/route.ts";
import { endpoint, hostOf, ns, setObject, setShard, shard, virtualService } from "./mesh.ts";

const to = (name: string): HttpRoute => ({
  matches: [],
  destinations: [{ host: hostOf(name), weight: 100 }],
  mirrors: [],
});
const inner = (name: string, exportTo: readonly string[] = ["*"]): MeshObject =>
  virtualService("inner", {}, { namespace: ns("team"), hosts: [], exportTo, http: [to(name)] });
const handOn: HttpRoute = {
  matches: [],
  destinations: [],
  mirrors: [],
  delegate: { namespace: ns("team"), name: "inner" },
};
const root = virtualService("shop", {}, { hosts: [hostOf("shop.example.com")], exportTo: ["*"], http: [handOn] });

function clustersIn(compiler: Compiler): readonly string[] {
  const [table] = compiler.items(layerKey("routes", "ns", "default")) as readonly RouteTableItem[];
  const found = table?.virtualHosts.find(({ name }) => name === "shop.example.com:80");
  return (found?.routes ?? []).flatMap(({ action }) =>
    action.kind === "forward" ? action.clusters.map((c) => c.name) : [],
  );
}

test("a delegate that comes, changes, hides and goes recomputes the routes of who delegates to it", () => {
  const compiler = new Compiler();
  const services = ["a", "b"].map((name) => setShard(shard(name, [endpoint("1")])));
  compiler.update([{ kind: "caller", namespace: ns("default"), present: true }, ...services, setObject(root)]);
  assert.deepEqual(clustersIn(compiler), []);
  compiler.update([setObject(inner("a"))]);
  assert.deepEqual(clustersIn(compiler), [`outbound|80||${hostOf("a")}`]);
  compiler.update([setObject(inner("b"))]);
  assert.deepEqual(clustersIn(compiler), [`outbound|80||${hostOf("b")}`]);
  compiler.update([setObject(inner("b", ["team"]))]);
  assert.deepEqual(clustersIn(compiler), [], "it is shown to its own namespace alone");
  compiler.update([setObject(inner("b", ["default"]))]);
  assert.deepEqual(clustersIn(compiler), [`outbound|80||${hostOf("b")}`]);
  compiler.update([{ kind: "object-removed", ref: { kind: "VirtualService", namespace: ns("team"), name: "inner" } }]);
  assert.deepEqual(clustersIn(compiler), []);
});
