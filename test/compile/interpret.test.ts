/** The request table (test/requests) as the interpreter reads it: what a live Envoy does with it stands there too. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { decide, edited, type HttpRequest, type Outcome } from "../../src/compile/interpret.ts";
import type { RouteTableItem } from "../../src/compile/ir.ts";
import { compileOnce } from "../../src/compile/once.ts";
import { toModel } from "../../src/resources/to_model.ts";
import { type Ask, type RequestCase, requestTable } from "../requests/table.ts";
import { parseGood } from "../resources/support/reading.ts";
import { endpoint, shard, sidecar } from "./mesh.ts";

const services = ["reviews", "ratings", "cart"];

function tableOf({ given }: RequestCase): RouteTableItem {
  const objects = parseGood(given).map(({ resource }) => toModel({ resource, generation: 1, createdAtMs: 1 }));
  const shards = services.map((name) => shard(name, [endpoint("1")], { portNames: ["http:9080"] }));
  const { items } = compileOnce({ objects, workloads: [], shards }, sidecar("client"));
  const table = items.find((item) => item.type === "route" && item.name === "outbound");
  assert.ok(table?.type === "route");
  return table;
}

function requestOf({ to, path = "/", method = "GET", headers = {} }: Ask): HttpRequest {
  return { scheme: "http", method, authority: to, path, headers };
}

/** Faults and CORS are filters before the route. */
const beforeRoutes = /fault:|corsPolicy:/;

for (const [file, cases] of requestTable()) {
  describe(file, () => {
    for (const one of cases.filter(({ given }) => !beforeRoutes.test(given))) {
      test(one.case, () => {
        const table = tableOf(one);
        for (const ask of one.ask ?? []) {
          const request = requestOf(ask);
          const decision = decide(table, request);
          assert.ok(decision.kind === "route", JSON.stringify(ask));
          assertOutcome(ask, decision.outcome);
        }
      });
    }
  });
}

function assertOutcome(ask: Ask, outcome: Outcome): void {
  const asked = JSON.stringify(ask);
  if (outcome.kind === "redirect") {
    assert.deepEqual([outcome.status, outcome.location], [ask.status, ask.got?.location], asked);
    return;
  }
  if (outcome.kind === "respond") {
    assert.equal(outcome.status, ask.status, asked);
    if (ask.body !== undefined) assert.equal(outcome.body, ask.body, asked);
    return;
  }
  assert.equal(ask.status, 200, asked);
  const [first, ...others] = outcome.destinations;
  assert.ok(first && others.length === 0, asked);
  if (ask.by !== undefined)
    assert.ok(first.cluster.includes(`||${ask.by.split(" ")[0]}.`), `${asked} ${first.cluster}`);
  for (const [name, value] of Object.entries(ask.saw ?? {})) {
    const { path, authority, headers }: HttpRequest = first.request;
    assert.equal(
      name === "path" ? path : name === "host" ? authority : (headers[name] ?? ""),
      value,
      `${asked} ${name}`,
    );
  }
  const answered = first.response.reduce(edited, { "x-powered-by": "echo" } as Record<string, string>);
  for (const [name, value] of Object.entries(ask.got ?? {}))
    assert.equal(answered[name] ?? "", value, `${asked} ${name}`);
}
