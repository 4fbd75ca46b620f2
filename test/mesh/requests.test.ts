/** The request table (test/requests) on a live mesh. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Ask, type RequestCase, requestTable } from "../requests/table.ts";
import { answersTo, gatewayPort, withAppPorts } from "../requests/world.ts";
import type { Reached } from "../support/echo.ts";
import { meshctlInside } from "../support/meshctl_inside.ts";
import { RequestWorld } from "../support/request_world.ts";
import { countBy, sendMany } from "../support/requests.ts";
import { type Spoken, speak } from "../support/speaking.ts";

let world: RequestWorld;

before(async () => {
  world = await RequestWorld.start();
});

after(() => world?.stop());

for (const [file, cases] of requestTable()) {
  describe(file, () => {
    for (const one of cases) test(one.case, () => judge(one));
  });
}

test("why: a running mesh tells what made a route, of sidecars and of gateways", async () => {
  const routed = ["ratings", "cart"].map(
    (to) => `    - {match: [{uri: {prefix: /${to}}}], route: [{destination: {host: ${to}}}]}`,
  );
  await world.objects.replace(`apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: front}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: ${gatewayPort}, name: http, protocol: HTTP}, hosts: [shop.example.com]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: both}
spec:
  hosts: [reviews, shop.example.com]
  gateways: [mesh, front]
  http:
${routed.join("\n")}
`);
  for (const [caller, host] of [
    ["client", "reviews"],
    ["gateway", "shop.example.com"],
  ] as const) {
    const asked = ["GET", `http://${host}/cart`, "--from", world.workloadOf(caller), "-o", "json"];
    const { route, outcome } = JSON.parse(await meshctlInside(world.mesh, ["why", ...asked]));
    const object = { kind: "VirtualService", namespace: "default", name: "both" };
    // The document's first line in what was applied, which came by stdin.
    assert.deepEqual(route.madeBy, { kind: "object", object, field: "spec.http[1].match[0]", origin: "-:8" });
    const [{ cluster, endpoints }] = outcome.destinations;
    assert.equal(cluster, "outbound|9080||cart.default.svc.cluster.local");
    assert.deepEqual(endpoints, { healthy: 1, unhealthy: 0, draining: 0 });
  }
});

async function judge({ given, ask, shares, copies }: RequestCase): Promise<void> {
  await world.objects.replace(withAppPorts(given, (service) => world.appPortOf(service)));
  world.takeReached();
  let asked = 0;
  for (const one of ask) {
    for (let time = 0; time < (one.times ?? 1); time++) await judgeAsk(one);
    asked += one.times ?? 1;
  }
  for (const [who, [least, most]] of Object.entries(copies ?? {})) {
    const share = (await copiesAt(who, least * asked)) / asked;
    assert.ok(share >= least && share <= most, `${who} got copies of ${share} of the requests`);
  }
  if (!shares) return;
  const { of, to, path, ...wanted } = shares;
  const via = world.wayOf({ from: "client", over: "http1", to });
  const answers = await sendMany({ via, host: to, ...(path && { path }) }, of);
  const counts = countBy(answers, ({ headers }) => String(headers["x-by"] ?? "nobody"));
  for (const [who, range] of Object.entries(wanted)) {
    const [least = 0, most = 1] = range as readonly number[];
    const got = Object.entries(counts).filter(([by]) => answersTo(who, by));
    const share = got.reduce((sum, [, count]) => sum + count, 0) / of;
    assert.ok(share >= least && share <= most, `${who} got ${share} of ${of}`);
  }
}

/** Envoy's timers count whole milliseconds, and begin a little before we do. */
const clockStepMs = 5;

async function judgeAsk(ask: Ask): Promise<void> {
  if (ask.tries !== undefined) world.takeReached();
  const before = performance.now();
  assertAnswer(ask, await answerTo(ask));
  const tookMs = performance.now() - before;
  if (ask.tries !== undefined) assert.equal(world.takeReached(), ask.tries, `tries of ${JSON.stringify(ask)}`);
  const [least, most] = ask.takes ?? [0, Number.POSITIVE_INFINITY];
  assert.ok(tookMs >= least - clockStepMs && tookMs <= most, `${JSON.stringify(ask)} took ${tookMs} ms`);
}

function answerTo({
  from = "client",
  over = "http1",
  to,
  path = "/",
  method = "GET",
  headers = {},
}: Ask): Promise<Spoken> {
  return speak(over, { via: world.wayOf({ from, over, to }), host: to, path, method, headers });
}

function assertAnswer(ask: Ask, { status, headers, body, grpc }: Spoken): void {
  const { by, saw, got, spoken, body: text } = ask;
  const asked = JSON.stringify(ask);
  assert.equal(status, ask.status, asked);
  if (grpc !== undefined) assert.equal(grpc, ask.grpc ?? "OK", `${asked}: ${body}`);
  if (spoken !== undefined) assert.equal(headers["x-spoken"], spoken, asked);
  const who = String(headers["x-by"] ?? "nobody");
  if (by !== undefined) assert.ok(answersTo(by, who), `${asked} was answered by ${who}`);
  if (text !== undefined) assert.equal(body, text, asked);
  for (const [name, value] of Object.entries(got ?? {})) assertSame(headers[name], value, `${asked} ${name}`);
  if (!saw) return;
  const reached: Reached = JSON.parse(body);
  for (const [name, value] of Object.entries(saw)) {
    assertSame(name === "path" ? reached.url : headerOf(reached, name), value, `${asked} ${name}`);
  }
}

/** @param wanted "~text": contains it */
function assertSame(found: string | readonly string[] | undefined, wanted: string, asked: string): void {
  const value = String(found ?? "");
  if (wanted.startsWith("~")) assert.ok(value.includes(wanted.slice(1)), `${asked}: ${value}`);
  else assert.equal(value, wanted, asked);
}

function headerOf({ headers }: Reached, wanted: string): string {
  return headers.filter((_, at) => at % 2 === 1 && headers[at - 1]?.toLowerCase() === wanted).join(",");
}

/** Copies may come after the answers: as many as are wanted are waited for. */
async function copiesAt(who: string, least: number): Promise<number> {
  let count = world.takeReached(who);
  for (let tries = 0; count < least && tries < 200; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    count += world.takeReached(who);
  }
  return count;
}
