/** The request table (test/requests) as the interpreter reads it: what a live Envoy does with it stands there too. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Decision, decide, edited, type Outcome } from "../../src/compile/interpret.ts";
import type { RouteTableItem } from "../../src/compile/ir.ts";
import { gatewayName, outboundName } from "../../src/compile/naming.ts";
import { compileOnce } from "../../src/compile/once.ts";
import type { HttpRequest } from "../../src/model/http_request.ts";
import { toModel } from "../../src/resources/to_model.ts";
import { type Ask, type RequestCase, requestTable } from "../requests/table.ts";
import { answersTo, gatewayPort, withAppPorts, worldServices } from "../requests/world.ts";
import { parseGood } from "../resources/support/reading.ts";
import { endpoint, gatewayWorkload, shard, sidecar } from "./mesh.ts";

const gateway = gatewayWorkload("ingress", {
  labels: { istio: "ingressgateway" },
  listeners: { [gatewayPort]: { address: "127.0.0.1", port: 20_080 } },
});
const callers = { client: sidecar("client"), stranger: sidecar("stranger", "other"), gateway };

const shards = worldServices.map(({ service, namespace, ports }) =>
  shard(service, [endpoint("1")], { namespace, portNames: ports }),
);

function tableOf({ given }: RequestCase, caller: keyof typeof callers): RouteTableItem {
  const objects = parseGood(withAppPorts(given, () => 1)).map(({ resource }, at) =>
    toModel({ resource, generation: 1, createdAtMs: at }),
  );
  const { items } = compileOnce({ objects, workloads: [], shards }, callers[caller]);
  const wanted = caller === "gateway" ? gatewayName(gatewayPort) : outboundName;
  const table = items.find((item) => item.type === "route" && item.name === wanted);
  assert.ok(table?.type === "route");
  return table;
}

function requestOf({
  over,
  to,
  path = "/",
  method = over === "grpc" ? "POST" : "GET",
  headers = {},
}: Ask): HttpRequest {
  const lower = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
  return { scheme: "http", method, authority: to, path, headers: Object.fromEntries(lower) };
}

/** Who may ask is not the route's affair, and a header's variables are Envoy's. */
const notRoutes = /kind: AuthorizationPolicy|%[A-Z_]+/;

for (const [file, cases] of requestTable()) {
  describe(file, () => {
    for (const one of cases.filter(({ given }) => !notRoutes.test(given))) {
      test(one.case, () => {
        const routed = one.ask.filter(({ over }) => over !== "tcp");
        for (const [caller, asks] of Map.groupBy(routed, ({ from = "client" }) => from)) {
          // Who has no proxy is routed by nobody.
          if (caller === "outside") continue;
          const table = tableOf(one, caller);
          for (const ask of asks) judge(ask, decide(table, requestOf(ask)));
        }
      });
    }
  });
}

function judge(ask: Ask, decision: Decision): void {
  const asked = JSON.stringify(ask);
  if (decision.kind !== "route") {
    if (ask.over === "grpc") assert.equal(ask.grpc, "UNIMPLEMENTED", asked);
    else assert.equal(ask.status, 404, asked);
    return;
  }
  const { faults, outcome, crossOrigin } = decision;
  if (ask.takes) assert.ok((faults.delay?.ms ?? 0) + waitedFor(ask, outcome) >= ask.takes[0], asked);
  // What is left to chance no single request shows.
  if (faults.abort?.share === 1) {
    assert.equal(ask.tries ?? 0, 0, asked);
    // A call is answered with a status of gRPC.
    if (ask.over !== "grpc") assert.equal(faults.abort.status, ask.status, asked);
    return;
  }
  assertOutcome(ask, outcome, crossOrigin);
}

/** How long the application is waited for at least, ms. */
function waitedFor({ status, headers = {}, tries = 1 }: Ask, outcome: Outcome): number {
  if (outcome.kind !== "forward") return 0;
  if (status !== 504) return Number(headers["x-echo-delay-ms"] ?? 0);
  const { attempts = 0, perTryTimeoutMs = Number.POSITIVE_INFINITY } = outcome.retries ?? {};
  assert.ok(tries <= attempts + 1);
  return Math.min(outcome.timeoutMs || Number.POSITIVE_INFINITY, tries * perTryTimeoutMs);
}

function assertOutcome(ask: Ask, outcome: Outcome, crossOrigin: Readonly<Record<string, string>>): void {
  const asked = JSON.stringify(ask);
  if (outcome.kind === "redirect") {
    assert.deepEqual([outcome.status, outcome.location], [ask.status, ask.got?.location], asked);
    return;
  }
  // A call is answered with a status of gRPC.
  if (outcome.kind === "respond" && ask.over === "grpc") return;
  if (outcome.kind === "respond") {
    assert.equal(outcome.status, ask.status, asked);
    if (ask.body !== undefined) assert.equal(outcome.body, ask.body, asked);
    return;
  }
  if (outcome.kind === "preflight") {
    assert.deepEqual([outcome.status, ask.tries ?? 0], [ask.status, 0], asked);
    assertGot(ask, outcome.headers);
    return;
  }
  // What an application answers, or whether it does, is not the route's affair.
  if (ask.by === undefined && ask.saw === undefined && ask.got === undefined) return;
  const [first, ...others] = outcome.destinations;
  assert.ok(first && others.length === 0, asked);
  if (ask.by !== undefined) assert.ok(answersTo(ask.by, whoIs(first.cluster)), `${asked} ${first.cluster}`);
  for (const [name, value] of Object.entries(ask.saw ?? {})) {
    // What contains something was filled in on the way.
    if (value.startsWith("~")) continue;
    const { path, authority, headers }: HttpRequest = first.request;
    assert.equal(
      name === "path" ? path : name === "host" ? authority : (headers[name] ?? ""),
      value,
      `${asked} ${name}`,
    );
  }
  const answered = first.response.reduce(edited, { "x-powered-by": "echo" } as Record<string, string>);
  assertGot(ask, { ...answered, ...crossOrigin });
}

function assertGot(ask: Ask, answered: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(ask.got ?? {})) {
    assert.equal(answered[name] ?? "", value, `${JSON.stringify(ask)} ${name}`);
  }
}

/** Of the cluster outbound|9080|v2|reviews.default.svc.cluster.local: reviews v2. */
function whoIs(cluster: string): string {
  const [, , subset = "", host = ""] = cluster.split("|");
  const [service, namespace] = host.split(".");
  const [only, ...others] = worldServices.find((one) => one.service === service)?.versions ?? [];
  const version = others.length > 0 ? subset : only;
  return `${service}${namespace === "default" ? "" : `.${namespace}`} ${version}`;
}
