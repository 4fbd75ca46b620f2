// The demo under load while its parts die: no request fails, and configuration flows again within 10 s.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ConfigurationFlow } from "../support/configuration_flow.ts";
import { ControlConnections } from "../support/control_connections.ts";
import { type Bench, cutOf, type FaultReport, freezeOf, killOf, strike } from "../support/fault.ts";
import { Mesh } from "../support/mesh.ts";
import { send } from "../support/requests.ts";

const flowLimitMs = 10_000;
/** Longer than an Envoy's and a node's keepalive take to notice (4 s and 2 s). */
const freezeMs = 5_000;

let bench: Bench;
let connections: ControlConnections;

before(async () => {
  const mesh = await Mesh.start();
  bench = { mesh, flow: await ConfigurationFlow.start(mesh), perSecond: 40 };
  connections = await ControlConnections.start(mesh);
});

after(async () => {
  await connections?.stop();
  await bench?.flow.close();
  await bench?.mesh.remove();
});

function assertUnharmed({ sent, failed, reasons, stale, ...times }: FaultReport): void {
  assert.ok(sent > 100, `only ${sent} requests were sent`);
  assert.equal(failed, 0, JSON.stringify(reasons));
  assert.equal(stale, 0, "requests went the old way after the mesh had said `distributed`");
  for (const what of ["routesMs", "endpointsMs", "newcomerMs"] as const) {
    assert.ok(times[what] <= flowLimitMs, `${what} ${times[what]}`);
  }
}

const envoys = (): readonly (number | undefined)[] =>
  bench.mesh.ready.workloads.map(({ name }) => bench.mesh.pidOf(`${name}/envoy`));

test("under load: kill -9 of meshd", async () => {
  assertUnharmed(await strike(bench, killOf(bench.mesh, "meshd-0")));
});

test("under load: kill -9 of the agent, whose Envoys the next one adopts", async () => {
  const before = envoys();
  assertUnharmed(await strike(bench, killOf(bench.mesh, "agent-0")));
  assert.deepEqual(envoys(), before);
  for (const pid of before) assert.ok(pid !== undefined && process.kill(pid, 0));
});

test("under load: kill -9 of nats-server", async () => {
  assertUnharmed(await strike(bench, killOf(bench.mesh, "nats-0")));
});

test("under load: every Envoy's control connection is cut", async () => {
  assertUnharmed(await strike(bench, cutOf(connections, 0)));
});

test("under load: meshd stands still for a while", async () => {
  assertUnharmed(await strike(bench, freezeOf(bench.mesh, "meshd-0", freezeMs)));
});

test("under load: nats-server stands still for a while", async () => {
  assertUnharmed(await strike(bench, freezeOf(bench.mesh, "nats-0", freezeMs)));
});

test("kill -9 of an Envoy: it is started again, reported, on the same ports", async () => {
  const { mesh } = bench;
  const old = mesh.pidOf("details-v1/envoy");
  assert.ok(old !== undefined);
  const { pid } = await mesh.restartOf("details-v1/envoy", () => process.kill(old, "SIGKILL"));
  assert.notEqual(pid, old);
  const { outbound, inbound, admin } = mesh.workload("details-v1");
  assert.equal((await send({ via: outbound ?? "", host: "ratings:9080", path: "/ratings/0" })).status, 200);
  assert.equal((await send({ via: inbound ?? "", path: "/details/0" })).status, 200);
  assert.equal((await send({ via: admin, path: "/ready" })).status, 200);
  const waited = await mesh.meshctl(["wait", "--for=distributed"]);
  assert.equal(waited.code, 0, waited.stderr);
});
