/** Circuit breaking and ejection by a DestinationRule, at a real Envoy; its own statistics say what it did. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { type Patient, startPatient } from "../support/echo.ts";
import { all, LiveObjects } from "../support/live_objects.ts";
import { Mesh } from "../support/mesh.ts";
import { countBy, send, sendMany } from "../support/requests.ts";
import { type RunningWorkload, Workloads } from "../support/workload.ts";

const cluster = "outbound|80||shop.default.svc.cluster.local";
const patienceMs = 20_000;

let mesh: Mesh;
let objects: LiveObjects;
let workloads: Workloads;
let caller: RunningWorkload;
let [sound, ill]: Patient[] = [];

before(async () => {
  mesh = await Mesh.start({ demo: false });
  objects = new LiveObjects(mesh);
  workloads = new Workloads(mesh);
  [sound, ill] = await Promise.all([startPatient(), startPatient()]);
  for (const { port } of [sound, ill]) {
    await workloads.sidecar({ service: "shop", ports: [{ name: "http", port: 80, appPort: port }] });
  }
  caller = await workloads.sidecar({ service: "caller" });
});

after(async () => {
  await workloads?.stop();
  for (const application of [sound, ill]) application?.close();
  await mesh?.remove();
});

const rule = (policy: string): string => `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: shop}
spec: {host: shop, trafficPolicy: ${policy}}
`;

const shop = () => ({ via: caller.outbound, host: "shop" });

/** Of the caller's cluster of the shop, by the end of its name. */
async function statistic(name: string): Promise<number> {
  const filter = encodeURIComponent(name);
  const page = await (await fetch(`http://${caller.admin}/stats?format=json&filter=${filter}`)).json();
  const { stats } = page as { stats: readonly { readonly name?: string; readonly value?: number }[] };
  return stats.find((one) => one.name === `cluster.${cluster}.${name}`)?.value ?? 0;
}

async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
  const sinceMs = performance.now();
  while (!(await holds())) {
    assert.ok(performance.now() - sinceMs < patienceMs, what);
    await wait(100);
  }
}

test("an endpoint that answers errors is out after three in a row, gets nothing, and returns", async () => {
  const ejection = "{consecutive5xxErrors: 3, interval: 500ms, baseEjectionTime: 3s, maxEjectionPercent: 100}";
  await objects.replace(rule(`{loadBalancer: {simple: ROUND_ROBIN}, outlierDetection: ${ejection}}`));
  assert.ok(sound && ill);
  ill.status = 500;

  const answers = await sendMany(shop(), 40, 1);

  const seen = countBy(answers, ({ status }) => String(status));
  assert.deepEqual(seen, { 200: 37, 500: 3 });
  assert.equal(await statistic("outlier_detection.ejections_enforced_consecutive_5xx"), 1);
  ill.takeReached();
  for (let asked = 0; (await statistic("outlier_detection.ejections_active")) === 1; asked++) {
    const { status } = await send(shop());
    const stillOut = (await statistic("outlier_detection.ejections_active")) === 1;
    assert.ok(stillOut || asked > 0, "it was out for no time at all");
    if (stillOut) assert.deepEqual({ status, reached: ill.takeReached().length }, { status: 200, reached: 0 });
  }

  ill.status = 200;
  ill.takeReached();
  const after = await sendMany(shop(), 20, 1);
  assert.deepEqual(
    countBy(after, ({ status }) => String(status)),
    { 200: 20 },
  );
  assert.equal(ill.takeReached().length, 10);
});

test("what is over the limit of connections and of those who wait is answered with 503 at once", async () => {
  const pool = "{tcp: {maxConnections: 1}, http: {http1MaxPendingRequests: 1}}";
  await objects.replace(rule(`{connectionPool: ${pool}}`));
  assert.ok(sound && ill);
  const release = [sound.hold(), ill.hold()];
  const before = await statistic("upstream_rq_pending_overflow");

  const overflow = async (): Promise<number> => (await statistic("upstream_rq_pending_overflow")) - before;
  const asked = Array.from({ length: 20 }, () => send(shop()));
  // One waits for its connection and then is under way; who comes meanwhile finds nobody's place free.
  await until(async () => (await overflow()) >= 16, "nothing overflowed");
  for (const go of release) go();
  const answers = await Promise.all(asked);

  const over = answers.filter(({ status }) => status === 503);
  assert.equal(over.length, await overflow());
  assert.ok(over.every(({ headers }) => headers["x-envoy-overloaded"] === "true"));
  const taken = answers.filter(({ status }) => status === 200).length;
  assert.ok(taken > 0 && taken + over.length === answers.length);
});

test("retries stay within their budget while everything fails", async () => {
  assert.ok(sound && ill);
  const route = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop}
spec: {hosts: [shop], http: [{route: [{destination: {host: shop}}], retries: {attempts: 5, retryOn: "503", backoff: 1ms}}]}
`;
  const asked = 1_000;
  const reached = async (policy: string): Promise<number> => {
    await objects.replace(all(rule(policy), route));
    for (const application of [sound, ill]) {
      application?.takeReached();
      if (application) application.status = 503;
    }
    const answers = await sendMany(shop(), asked, 40);
    assert.ok(answers.every(({ status }) => status === 503));
    return (sound?.takeReached().length ?? 0) + (ill?.takeReached().length ?? 0);
  };

  assert.equal(await reached("{loadBalancer: {simple: RANDOM}}"), 6 * asked);
  const within = await reached("{retryBudget: {percent: 25, minRetryConcurrency: 1}}");

  // One retry may always be under way, also while the last few requests are.
  const always = 10;
  assert.ok(within > asked && within <= 1.25 * asked + always, `${within} for ${asked}`);
});
