/** Localities on a live mesh: one backend in the caller's zone, one in another region. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Patient, startPatient } from "../support/echo.ts";
import { LiveObjects } from "../support/live_objects.ts";
import { Mesh } from "../support/mesh.ts";
import { sendMany } from "../support/requests.ts";
import { type RunningWorkload, Workloads } from "../support/workload.ts";

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
  for (const [application, locality] of [
    [near, "eu/a"],
    [far, "us/a"],
  ] as const) {
    const ports = [{ name: "http", port: 80, appPort: application.port }];
    await workloads.sidecar({ service: "shop", locality, ports });
  }
  caller = await workloads.sidecar({ service: "caller", locality: "eu/a" });
});

after(async () => {
  await workloads?.stop();
  for (const application of [near, far]) application?.close();
  await mesh?.remove();
});

const rule = (policy: string): string => `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: shop}
spec: {host: shop, trafficPolicy: ${policy}}
`;

/** How many of the requests reached each. */
async function shares(count: number): Promise<{ readonly near: number; readonly far: number }> {
  for (const application of [near, far]) application.takeReached();
  await sendMany({ via: caller.outbound, host: "shop" }, count, 1);
  return { near: near.takeReached().length, far: far.takeReached().length };
}

test("all stay in the zone while its endpoint is well, and go to the other region while it is out", async () => {
  const ejection = "{consecutive5xxErrors: 3, interval: 500ms, baseEjectionTime: 60s, maxEjectionPercent: 100}";
  await objects.replace(rule(`{outlierDetection: ${ejection}, loadBalancer: {localityLbSetting: {enabled: true}}}`));
  assert.deepEqual(await shares(30), { near: 30, far: 0 });

  near.status = 500;

  assert.deepEqual(await shares(30), { near: 3, far: 27 });
  near.status = 200;
});

test("shares of the localities, whatever is near", async () => {
  const shared = (to: string): string =>
    rule(`{loadBalancer: {localityLbSetting: {distribute: [{from: eu/*, to: ${to}}]}}}`);
  await objects.replace(shared("{us: 100}"));
  assert.deepEqual(await shares(20), { near: 0, far: 20 });

  await objects.replace(shared("{eu/a: 25, us/*: 75}"));

  const { far: away } = await shares(200);
  assert.ok(away >= 130 && away <= 170, `${away} of 200 went away`);
});
