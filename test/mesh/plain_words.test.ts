/** CircuitBreaker and its kind at real Envoys: what a service's owner says in plain words is what callers meet. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Server, ServerCredentials, type sendUnaryData } from "@grpc/grpc-js";
import { type Patient, startPatient } from "../support/echo.ts";
import { all, LiveObjects } from "../support/live_objects.ts";
import { Mesh } from "../support/mesh.ts";
import { countBy, send, sendMany } from "../support/requests.ts";
import { ClusterStatistics } from "../support/statistics.ts";
import { until } from "../support/until.ts";
import { type RunningWorkload, Workloads } from "../support/workload.ts";

let mesh: Mesh;
let objects: LiveObjects;
let workloads: Workloads;
let caller: RunningWorkload;
let application: Patient;

before(async () => {
  mesh = await Mesh.start({ demo: false });
  objects = new LiveObjects(mesh);
  workloads = new Workloads(mesh);
  application = await startPatient();
  const ports = ["http", "web", "tcp"].map((name, at) => ({ name, port: 80 + at, appPort: application.port }));
  await workloads.sidecar({ service: "shop", ports });
  caller = await workloads.sidecar({ service: "caller" });
});

after(async () => {
  await workloads?.stop();
  application?.close();
  await mesh?.remove();
});

const plain = (kind: string, spec: string): string => `
apiVersion: networking.mesh.io/v1
kind: ${kind}
metadata: {name: shop}
spec: {service: shop, ${spec}}
`;

const shop = (path = "/") => ({ via: caller.outbound, host: "shop", path });

/** Of the caller's cluster for a port of a service. */
const statistic = (name: string, port = 80, service = "shop"): Promise<number> =>
  new ClusterStatistics(caller, service, port).of(name);

/** Of ten requests that are held up: how many were turned away at once. */
async function turnedAway(): Promise<number> {
  const release = application.hold();
  const before = await statistic("upstream_rq_pending_overflow");
  const asked = Array.from({ length: 10 }, () => send(shop()));
  const reached = async () => (await statistic("upstream_rq_active")) + (await statistic("upstream_rq_pending_active"));
  const overflow = async () => (await statistic("upstream_rq_pending_overflow")) - before;
  await until(async () => (await reached()) + (await overflow()) >= 10, "not all ten came");
  release();
  const over = (await Promise.all(asked)).filter(({ status }) => status === 503);
  assert.ok(over.every(({ headers }) => headers["x-envoy-overloaded"] === "true"));
  return over.length;
}

test("CircuitBreaker: what is over its limits is answered with 503; a DestinationRule's own limit holds", async () => {
  const breaker = plain("CircuitBreaker", 'max_connections: 1, max_pending_requests: "1"');
  await objects.replace(breaker);
  // One is under way and one waits; the first may have waited too, while its connection opened.
  assert.ok((await turnedAway()) >= 8);

  const rule = `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: shop}
spec: {host: shop, trafficPolicy: {connectionPool: {http: {http1MaxPendingRequests: 100}}}}
`;
  await objects.replace(all(breaker, rule));
  assert.equal(await turnedAway(), 0);
});

test("CircuitBreaker: an endpoint that fails is out at once, though it is the only one", async () => {
  await objects.replace(
    plain("CircuitBreaker", "detection: {consecutiveErrors: 3, interval: 500ms, baseEjectionTime: 3s}"),
  );
  application.status = 500;
  application.takeReached();

  const failing = await sendMany(shop(), 3, 1);
  assert.deepEqual(
    countBy(failing, ({ status }) => String(status)),
    { 500: 3 },
  );
  // Envoy's main thread ejects it; its workers learn that a moment later.
  await until(async () => (await statistic("outlier_detection.ejections_active")) === 1, "it was never ejected");
  const ejected = await sendMany(shop(), 5, 1);
  assert.deepEqual(
    countBy(ejected, ({ status }) => String(status)),
    { 503: 5 },
  );
  assert.equal(application.takeReached().length, 3);
  application.status = 200;
  await until(async () => (await send(shop())).status === 200, "it never returned");
});

test("TrafficPolicy: a request that takes too long is answered with 504, unless its route has a time of its own", async () => {
  const policy = (time: string) =>
    plain("TrafficPolicy", `Timeouts: {request_timeout: ${time}}, Retries: {attempts: 0}`);
  const route = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop}
spec: {hosts: [shop], http: [{route: [{destination: {host: shop}}], timeout: 250ms}]}
`;
  const release = application.hold();
  for (const documents of [policy("250ms"), all(policy("1h"), route)]) {
    await objects.replace(documents);
    assert.equal((await send(shop())).status, 504);
  }
  release();
});

test("TrafficPolicy: a request is sent again as often and on what it says", async () => {
  await objects.replace(plain("TrafficPolicy", 'retries: {attempts: "3", retryOn: "504"}'));
  const reachedWith = async (status: number): Promise<number> => {
    application.takeReached();
    application.status = status;
    assert.equal((await send(shop())).status, status);
    return application.takeReached().length;
  };
  assert.equal(await reachedWith(504), 4);
  assert.equal(await reachedWith(503), 1);
  application.status = 200;
});

test("FaultInjection: a request waits as long as it says", async () => {
  await objects.replace(plain("FaultInjection", "delay: {duration: 400ms}"));
  const sinceMs = performance.now();
  assert.equal((await send(shop())).status, 200);
  assert.ok(performance.now() - sinceMs >= 390);
});

test("TrafficPolicy: an endpoint that says it is ill gets nothing until it is well, on every port that can be asked", async () => {
  const often = "interval: 100ms, unhealthy_threshold: 2, healthy_threshold: 1";
  await objects.replace(plain("TrafficPolicy", `health_check: {path: /healthz, ${often}}, retries: {attempts: 0}`));
  assert.equal((await send(shop())).status, 200);
  // Over mTLS, to a port of HTTP and to one whose carrier is found out.
  for (const port of [80, 81])
    await until(async () => (await statistic("health_check.success", port)) > 0, "not asked");
  assert.equal(await statistic("health_check.attempt", 82), 0);

  application.status = 500;
  await until(async () => (await send(shop())).status === 503, "it was still asked");
  application.takeReached();
  assert.equal((await send(shop())).status, 503);
  assert.ok(application.takeReached().every(({ url }) => url === "/healthz"));

  application.status = 200;
  await until(async () => (await send(shop())).status === 200, "it never came back");

  await objects.replace(plain("TrafficPolicy", `health_check: {protocol: tcp, ${often}}`));
  for (const port of [80, 81, 82]) {
    await until(async () => (await statistic("health_check.success", port)) > 0, `${port} was not asked`);
    assert.equal(await statistic("membership_healthy", port), 1);
  }
});

/** Answers grpc.health.v1.Health/Check alone. */
async function startGrpcHealth(): Promise<{ readonly port: number; serving: boolean; close(): void }> {
  const server = new Server();
  const bytes = (value: Buffer): Buffer => value;
  const check = {
    path: "/grpc.health.v1.Health/Check",
    requestStream: false,
    responseStream: false,
    requestSerialize: bytes,
    requestDeserialize: bytes,
    responseSerialize: bytes,
    responseDeserialize: bytes,
  };
  const health = { port: 0, serving: true, close: () => server.forceShutdown() };
  server.addService(
    { check },
    // HealthCheckResponse.status, field 1: SERVING is 1, NOT_SERVING 2.
    { check: (_: unknown, answer: sendUnaryData<Buffer>) => answer(null, Buffer.from([0x08, health.serving ? 1 : 2])) },
  );
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) =>
    error ? reject(error) : resolve(port),
  );
  return Object.assign(health, { port: await promise });
}

test("TrafficPolicy: a server of gRPC is asked as it knows, and left when it says that it does not serve", async (t) => {
  const server = await startGrpcHealth();
  t.after(() => server.close());
  await workloads.sidecar({ service: "cart", ports: [{ name: "grpc", port: 80, appPort: server.port }] });
  // What was never asked for anything is asked of its health once a minute.
  const ask = { via: caller.outbound, host: "cart", method: "POST", headers: { "content-type": "application/grpc" } };
  const reached = async (): Promise<boolean> => {
    await send(ask);
    return (await statistic("upstream_cx_total", 80, "cart")) > 0;
  };
  await until(reached, "the caller never heard of it");
  const spec = "health_check: {protocol: grpc, interval: 100ms, unhealthy_threshold: 1, healthy_threshold: 1}";
  await objects.replace(plain("TrafficPolicy", spec).replaceAll("shop", "cart"));
  const healthy = (count: number) => async () => (await statistic("membership_healthy", 80, "cart")) === count;
  await until(healthy(1), "it was never well");
  server.serving = false;
  await until(healthy(0), "it was still taken for well");
});

test("RateLimitPolicy: who finds a bucket empty is refused, as it says; it fills again", async () => {
  const few = (tokens: number) => `token_bucket: {max_tokens: ${tokens}, fill_interval: 1h}`;
  const limits = `[{path_prefix: /a, ${few(2)}}, {headers: {X-Plan: free}, ${few(1)}}]`;
  const answer = 'status: 508, response_headers: {x-limited: "yes"}, rate_limit_headers: true';
  await objects.replace(plain("RateLimitPolicy", `${few(6)}, limits: ${limits}, ${answer}`));
  const asked = async (count: number, path: string, headers: Readonly<Record<string, string>> = {}) => {
    const answers = [];
    for (let time = 0; time < count; time++) answers.push(await send({ ...shop(path), headers }));
    return answers;
  };
  const statuses = (answers: readonly { readonly status: number }[]) => answers.map(({ status }) => status);
  application.takeReached();

  const refused = await asked(3, "/a/b");
  assert.deepEqual(statuses(refused), [200, 200, 508]);
  assert.equal(refused[2]?.headers["x-limited"], "yes");
  assert.equal(refused[2]?.headers["x-ratelimit-remaining"], "0");
  assert.deepEqual(statuses(await asked(2, "/", { "x-plan": "free" })), [200, 508]);
  // Who was refused took nothing of what is left to the others.
  assert.deepEqual(statuses(await asked(4, "/")), [200, 200, 200, 508]);
  assert.equal(application.takeReached().length, 6);

  await objects.replace(plain("RateLimitPolicy", 'tokenBucket: {maxTokens: "1", fillInterval: 300ms}'));
  await until(async () => (await send(shop())).status === 429, "nobody was refused");
  await until(async () => (await send(shop())).status === 200, "it did not fill");
});
