/**
 * Failover to the other region and back, under constant load. By ejection, requests fail until the endpoint is out, and none
 * after; where a registry says who is ill, none at all.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Patient, startPatient } from "../support/echo.ts";
import { LiveObjects } from "../support/live_objects.ts";
import { Mesh } from "../support/mesh.ts";
import { PhasedLoad } from "../support/phased_load.ts";
import { ClusterStatistics } from "../support/statistics.ts";
import { until } from "../support/until.ts";
import { type RunningWorkload, Workloads } from "../support/workload.ts";

const perSecond = 200;
/** Of a load of so many, on a machine that is busy. */
const mostUnderWay = 20;

let mesh: Mesh;
let objects: LiveObjects;
let workloads: Workloads;
let caller: RunningWorkload;
let near: Patient;
let far: Patient;

before(async () => {
  mesh = await Mesh.start({ demo: false });
  objects = new LiveObjects(mesh);
  workloads = new Workloads(mesh);
  [near, far] = await Promise.all([startPatient(), startPatient()]);
  const serve = ({ port }: Patient, locality: string): Promise<RunningWorkload> =>
    workloads.sidecar({ service: "zoned", locality, ports: [{ name: "http", port: 80, appPort: port }] });
  [caller] = await Promise.all([
    workloads.sidecar({ service: "caller", locality: "eu/a" }),
    serve(near, "eu/a"),
    serve(far, "us/a"),
    registered("healthy"),
  ]);
  await objects.replace(["zoned", "registered"].map(rule).join("---"));
});

after(async () => {
  await workloads?.stop();
  for (const application of [near, far]) application?.close();
  await mesh?.remove();
});

const rule = (host: string): string => `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ${host}}
spec:
  host: ${host}
  trafficPolicy:
    loadBalancer: {localityLbSetting: {enabled: true}}
    outlierDetection: {consecutive5xxErrors: 3, interval: 500ms, baseEjectionTime: 1s, maxEjectionPercent: 100}
`;

/** What a registry says of all that it has in the near region. */
async function registered(health: "healthy" | "unhealthy"): Promise<void> {
  const at = (id: string, { port }: Patient, rest: object) => ({
    id,
    address: "127.0.0.1",
    ports: { http: port },
    ...rest,
  });
  const body = JSON.stringify({
    ports: [{ name: "http", port: 80 }],
    endpoints: [at("near", near, { locality: "eu/a", health }), at("far", far, { locality: "us/a" })],
  });
  const { ok } = await mesh.api("/v1/endpoints/default/registered?source=registry", {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body,
  });
  assert.ok(ok);
}

/** How many of the next requests reached each, once those before them have been answered. */
async function shares(load: PhasedLoad, phase: string): Promise<readonly [number, number]> {
  load.enter(`${phase}, the first`);
  await load.answered(20);
  for (const application of [near, far]) application.takeReached();
  load.enter(phase);
  await load.answered(100);
  return [near.takeReached().length, far.takeReached().length];
}

test("an ill endpoint is ejected: until then requests fail, after it none, there and back", async (t) => {
  const statistics = new ClusterStatistics(caller, "zoned");
  const ejections = (count: number) => async (): Promise<boolean> =>
    (await statistics.of("outlier_detection.ejections_enforced_consecutive_5xx")) === count;
  const load = new PhasedLoad({ via: caller.outbound, host: "zoned", perSecond, phase: "falls ill" });
  t.after(() => load.stop());
  await load.answered(50);

  near.status = 500;
  await until(ejections(1), "the ill endpoint is ejected");
  load.enter("is let in again, still ill");
  await until(ejections(2), "it is ejected again");
  const [nearWhileOut, farWhileOut] = await shares(load, "away");
  assert.equal(await statistics.ejected(), 1);

  near.status = 200;
  load.enter("returning");
  await until(async () => (await statistics.ejected()) === 0, "the endpoint is back");
  const [nearAfter, farAfter] = await shares(load, "back");

  const { "falls ill": first, "is let in again, still ill": second, ...others } = await load.stop();
  const failed = Object.values(others).reduce((sum, one) => sum + one.failed, 0);
  const text = JSON.stringify(others);
  assert.deepEqual({ failed, nearWhileOut, farAfter }, { failed: 0, nearWhileOut: 0, farAfter: 0 }, text);
  assert.ok(farWhileOut >= 100 && nearAfter >= 100);
  const met = [first?.failed ?? 0, second?.failed ?? 0];
  // Three errors put it out; a few more requests may be on their way.
  assert.ok(
    met.every((errors) => errors >= 3 && errors <= 3 + mostUnderWay),
    `${met} failed`,
  );
  t.diagnostic(`${met} failed of ${first?.sent}, ${second?.sent} until it was out, then ${failed}: ${text}`);
});

test("a registry takes a region away and gives it back: no request fails", async (t) => {
  const load = new PhasedLoad({ via: caller.outbound, host: "registered", perSecond, phase: "well" });
  t.after(() => load.stop());
  await load.answered(50);
  far.takeReached();

  load.enter("leaving");
  await registered("unhealthy");
  await until(() => Promise.resolve(far.takeReached().length > 0), "the other region is asked");
  const [nearWhileOut, farWhileOut] = await shares(load, "away");

  load.enter("returning");
  near.takeReached();
  await registered("healthy");
  await until(() => Promise.resolve(near.takeReached().length > 0), "the near region is asked again");
  const [nearAfter, farAfter] = await shares(load, "back");

  const phases = await load.stop();
  const failed = Object.values(phases).reduce((sum, one) => sum + one.failed, 0);
  assert.deepEqual(
    { failed, nearWhileOut, farAfter },
    { failed: 0, nearWhileOut: 0, farAfter: 0 },
    JSON.stringify(phases),
  );
  assert.ok(farWhileOut >= 100 && nearAfter >= 100);
  t.diagnostic(`${failed} failed: ${JSON.stringify(phases)}`);
});
