// Workload certificates are renewed again and again under load, and nobody notices. Lifetimes are short here; the chaos
// scenario `rotation` does the same with 60 s.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ConfigurationFlow } from "../support/configuration_flow.ts";
import { Mesh } from "../support/mesh.ts";
import { watchRotations } from "../support/rotation.ts";

const lifetimeS = 8;
const rotations = 3;
let mesh: Mesh;

before(async () => {
  mesh = await Mesh.start({ environment: { WEFT_SVID_LIFETIME_S: String(lifetimeS) } });
});

after(() => mesh?.remove());

test("three rotations under load: no handshake and no request fails, each serves another certificate", async () => {
  const report = await watchRotations(mesh, {
    rotations,
    handshakesPerSecond: 20,
    requestsPerSecond: 40,
    patienceMs: lifetimeS * 1_000,
  });
  assert.ok(report.serials.length >= rotations, `serial numbers ${report.serials}`);
  assert.equal(new Set(report.serials).size, report.serials.length);
  for (const { made, failed } of report.around.slice(0, rotations))
    assert.deepEqual({ made, failed }, { made: 100, failed: 0 });
  assert.deepEqual(report.failures, []);
  assert.equal(report.refused, 0);
  assert.equal(report.failed, 0, JSON.stringify(report.reasons));
  for (const [workload, count] of Object.entries(report.others)) assert.ok(count >= rotations, `${workload}: ${count}`);
  const { all, resumed } = report.proxyHandshakes;
  assert.ok(all - resumed >= rotations, `Envoy to Envoy: ${all}, of which ${resumed} resumed`);
});

test("control connections, made with certificates that have ended since, still carry configuration", async () => {
  const flow = await ConfigurationFlow.start(mesh);
  const { routesMs, endpointsMs, stale } = await flow.flows(performance.now());
  await flow.close();
  assert.equal(stale, 0);
  assert.ok(Math.max(routesMs, endpointsMs) < 10_000, `${routesMs}, ${endpointsMs}`);
});
