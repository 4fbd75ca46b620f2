/**
 * Every golden case is taken by the real Envoy: all that its proxy would get, not only what the case shows, stands in a
 * static bootstrap that `envoy --mode validate` loads whole. Two things that a static bootstrap cannot fetch are put
 * where they would arrive: a cluster's endpoints into the cluster (EDS → STATIC), a listener's route table into the
 * listener (RDS → inline). SDS stays as it is; nothing connects in this mode.
 */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import type { Item } from "../../src/compile/ir.ts";
import { encode } from "../../src/envoy/encode.ts";
import { resourceJson } from "../../src/envoy/print.ts";
import { compileCase, goldenCases } from "../golden/cases.ts";

const tools = JSON.parse(readFileSync(join(import.meta.dirname, "../../node_modules/.weft/tools.json"), "utf8")) as {
  envoy: { path: string };
};

type Json = null | string | number | boolean | Json[] | { [key: string]: Json };

/** The message with each object that `swap` knows another form of replaced. */
function swapped(value: Json, swap: (object: { [key: string]: Json }) => { [key: string]: Json } | undefined): Json {
  if (Array.isArray(value)) return value.map((item) => swapped(item, swap));
  if (typeof value !== "object" || value === null) return value;
  const object = swap(value) ?? value;
  return Object.fromEntries(Object.entries(object).map(([key, inner]) => [key, swapped(inner, swap)]));
}

function bootstrap(items: readonly Item[]): Json {
  const json = (item: Item): { [key: string]: Json } => resourceJson(encode(item)) as { [key: string]: Json };
  const byName = (type: Item["type"]): Map<string, Json> =>
    new Map(items.filter((item) => item.type === type).map((item) => [item.name, json(item)]));
  const endpoints = byName("endpoints");
  const tables = byName("route");
  const clusters = [...byName("cluster").values()].map((cluster) =>
    swapped(cluster, (object) => {
      if (object.type !== "EDS" || typeof object.name !== "string") return undefined;
      const { edsClusterConfig, ...rest } = object;
      assert.ok(edsClusterConfig);
      const loadAssignment = endpoints.get(object.name);
      assert.ok(loadAssignment, `${object.name} has endpoints`);
      return { ...rest, type: "STATIC", loadAssignment };
    }),
  );
  const listeners = [...byName("listener").values()].map((listener) =>
    swapped(listener, (object) => {
      const rds = object.rds as { routeConfigName: string } | undefined;
      if (!rds) return undefined;
      const { rds: _, ...rest } = object;
      const table = tables.get(rds.routeConfigName);
      assert.ok(table, `${rds.routeConfigName} is a route table`);
      return { ...rest, routeConfig: { ...(table as object), validateClusters: false } };
    }),
  );
  const agent = { clusterName: "sds-agent", endpoints: [] };
  const static_layer = { "re2.max_program_size.error_level": 32_768 };
  return {
    node: { id: "golden", cluster: "golden" },
    layered_runtime: { layers: [{ name: "weft", static_layer }] },
    static_resources: {
      clusters: [...clusters, { name: "sds-agent", type: "STATIC", loadAssignment: agent }],
      listeners,
    },
  };
}

test("the real Envoy takes every golden case", { timeout: 120_000 }, async (t) => {
  const cases = goldenCases();
  assert.ok(cases.length >= 25);
  const directory = mkdtempSync(join(tmpdir(), "weft-golden-"));
  t.after(() => rmSync(directory, { recursive: true }));
  for (const golden of cases) {
    await t.test(golden.name, async () => {
      const path = join(directory, "bootstrap.json");
      writeFileSync(path, JSON.stringify(bootstrap(compileCase(golden).items)));
      const args = ["--mode", "validate", "-c", path, "--log-level", "error"];
      await promisify(execFile)(tools.envoy.path, args);
    });
  }
});
