/** Circuit breaking and ejection by a DestinationRule, at a real Envoy; its own statistics say what it did. */
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { type Patient, startPatient } from "../support/echo.ts";
import { all, LiveObjects } from "../support/live_objects.ts";
import { Mesh } from "../support/mesh.ts";
import { ProxyLog } from "../support/proxy_log.ts";
import { countBy, send, sendMany } from "../support/requests.ts";
import { ClusterStatistics } from "../support/statistics.ts";
import { until } from "../support/until.ts";
import { type RunningWorkload, Workloads } from "../support/workload.ts";

/** Of a request that waits for nobody, on a machine that is busy. */
const atOnceMs = 1_000;

let mesh: Mesh;
let objects: LiveObjects;
let workloads: Workloads;
let caller: RunningWorkload;
let statistics: ClusterStatistics;
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
  statistics = new ClusterStatistics(caller, "shop");
});

beforeEach(() => {
  for (const application of [sound, ill]) if (application) application.status = 200;
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

const logged = `
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: caller}
spec: {selector: {matchLabels: {app: caller}}, accessLogging: [{match: {mode: CLIENT}}]}
`;

test("an endpoint that answers errors is out after three in a row, gets nothing, and returns", async (t) => {
  const ejection = "{consecutive5xxErrors: 3, interval: 500ms, baseEjectionTime: 3s, maxEjectionPercent: 100}";
  await objects.replace(rule(`{loadBalancer: {simple: ROUND_ROBIN}, outlierDetection: ${ejection}}`));
  assert.ok(sound && ill);
  ill.status = 500;

  const ejections = () => statistics.of("outlier_detection.ejections_enforced_consecutive_5xx");
  const first = await sendMany(shop(), 6, 1);
  // Envoy's main thread ejects; the worker, which counted the errors, does not wait for it.
  await until(async () => (await ejections()) > 0, "nothing was ejected");
  const answers = [...first, ...(await sendMany(shop(), 34, 1))];

  const seen = countBy(answers, ({ status }) => String(status));
  assert.deepEqual(seen, { 200: 37, 500: 3 });
  assert.equal(await ejections(), 1);
  assert.equal(await statistics.ejected(), 1);
  ill.takeReached();
  let askedWhileOut = 0;
  for (;;) {
    const { status } = await send(shop());
    if ((await statistics.ejected()) === 0) break;
    assert.deepEqual({ status, reached: ill.takeReached().length }, { status: 200, reached: 0 });
    askedWhileOut++;
  }
  assert.ok(askedWhileOut > 0, "it was out for no time at all");

  ill.status = 200;
  ill.takeReached();
  const after = await sendMany(shop(), 20, 1);
  assert.deepEqual(
    countBy(after, ({ status }) => String(status)),
    { 200: 20 },
  );
  const back = ill.takeReached().length;
  assert.equal(back, 10);
  t.diagnostic(`${askedWhileOut} requests while it was out, 0 of them reached it; ${back} of 20 once it was back`);
});

test("what is over the limit of connections and of those who wait is answered with 503 at once", async (t) => {
  const pool = "{tcp: {maxConnections: 1}, http: {http1MaxPendingRequests: 1}}";
  await objects.replace(all(rule(`{connectionPool: ${pool}}`), logged));
  assert.ok(sound && ill);
  const release = [sound.hold(), ill.hold()];
  const before = await statistics.of("upstream_rq_pending_overflow");

  const overflow = async (): Promise<number> => (await statistics.of("upstream_rq_pending_overflow")) - before;
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
  // UO: upstream overflow.
  const log = new ProxyLog(mesh, caller);
  const lines = await log.awaited(/" \d{3} /, answers.length);
  const refused = await log.lines(/" 503 UO upstream_reset_before_response_started\{overflow\} /);
  assert.deepEqual([lines.length, refused.length], [answers.length, over.length]);
  const slowestMs = Math.max(...refused.map((line) => Number(/" \d+ \d+ (\d+) /.exec(line)?.[1])));
  assert.ok(slowestMs < atOnceMs, `${slowestMs} ms`);
  t.diagnostic(
    `${over.length} of ${answers.length} answered 503, as many counted and logged UO; slowest ${slowestMs} ms`,
  );
});

test("retries stay within their budget while everything fails", async (t) => {
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

  const unbounded = await reached("{loadBalancer: {simple: RANDOM}}");
  assert.equal(unbounded, 6 * asked);
  const within = await reached("{retryBudget: {percent: 25, minRetryConcurrency: 1}}");

  // One retry may always be under way, also while the last few requests are.
  const always = 10;
  assert.ok(within > asked && within <= 1.25 * asked + always, `${within} for ${asked}`);
  t.diagnostic(
    `${asked} requests that all fail: ${unbounded} at the backend without a budget, ${within} with one of 25 %`,
  );
});
