/** Clusters that gateways are told of otherwise than sidecars are: of ports that do not say what they carry. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Compiler } from "../../src/compile/compiler.ts";
import type { GatewayWorkload, Workload } from "../../src/model/workload.ts";
import {
  destinationRule,
  endpoint,
  gatewayWorkload,
  hostOf,
  ns,
  setObject,
  setShard,
  setWorkload,
  shard,
  sidecar,
} from "./mesh.ts";

const gateway = gatewayWorkload("ingress");
const elsewhere: GatewayWorkload = { ...gateway, namespace: ns("shop") };
const client = sidecar("client");

/** What it is told to speak to web:80. */
function spokenBy(compiler: Compiler, workload: Workload): string | undefined {
  const items = compiler.layersOf(workload).flatMap((layer) => compiler.items(layer));
  const told = items.findLast(({ type, name }) => type === "cluster" && name === `outbound|80||${hostOf("web")}`);
  return told?.type === "cluster" ? told.protocol : undefined;
}

function spoken(compiler: Compiler): readonly (string | undefined)[] {
  return [client, gateway, elsewhere].map((workload) => spokenBy(compiler, workload));
}

test("a gateway speaks HTTP/1.1 to a port that says nothing, unless a rule of its namespace lets its clients choose", () => {
  const compiler = new Compiler();
  compiler.update([
    ...[client, gateway, elsewhere].map(setWorkload),
    setShard(shard("web", [endpoint("1")], { portNames: ["web:80"] })),
  ]);
  assert.deepEqual(spoken(compiler), ["downstream", "http1", "http1"]);

  const rule = destinationRule("web", [], { exportTo: ["default"], settings: { connectionPool: { asCaller: true } } });
  compiler.update([setObject(rule)]);
  assert.deepEqual(spoken(compiler), ["downstream", "downstream", "http1"]);

  compiler.update([setObject({ ...rule, exportTo: ["*"] })]);
  assert.deepEqual(spoken(compiler), ["downstream", "downstream", "downstream"]);

  compiler.update([setShard(shard("web", [endpoint("1")], { portNames: ["http:80"] }))]);
  compiler.update([{ kind: "object-removed", ref: rule }]);
  assert.deepEqual(spoken(compiler), ["http1", "http1", "http1"]);
  assert.deepEqual(
    compiler.layersOf(gateway).map((layer) => compiler.items(layer).length > 0 && layer.includes("gateways")),
    compiler.layersOf(gateway).map(() => false),
  );
});
