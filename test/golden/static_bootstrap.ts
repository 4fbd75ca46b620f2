/**
 * Everything a proxy would get, in a static bootstrap. Two things that a static bootstrap cannot fetch are put where they
 * would arrive: a cluster's endpoints into the cluster (EDS → STATIC), a listener's route table into the listener
 * (RDS → inline). SDS stays as it is. A file of the proxy's host that is not on this one is a certificate and its key.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import type { Item } from "../../src/compile/ir.ts";
import { encode } from "../../src/envoy/encode.ts";
import { resourceJson } from "../../src/envoy/print.ts";
import { certificateFor } from "../support/own_certificate.ts";

const own = await certificateFor(["example.com"]);

export type Json = null | string | number | boolean | Json[] | { [key: string]: Json };

/** The message with each object that `swap` knows another form of replaced. */
export function swapped(value: Json, swap: (object: { [key: string]: Json }) => { [key: string]: Json } | undefined): Json {
  if (Array.isArray(value)) return value.map((item) => swapped(item, swap));
  if (typeof value !== "object" || value === null) return value;
  const object = swap(value) ?? value;
  return Object.fromEntries(Object.entries(object).map(([key, inner]) => [key, swapped(inner, swap)]));
}

export function staticBootstrap(items: readonly Item[]): { [key: string]: Json } {
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
  const withFiles = clusters.map((cluster) =>
    swapped(cluster, ({ filename }) =>
      typeof filename !== "string" || existsSync(filename) ? undefined : { inlineString: own.chain + own.key },
    ),
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
      clusters: [...withFiles, { name: "sds-agent", type: "STATIC", loadAssignment: agent }],
      listeners,
    },
  };
}

