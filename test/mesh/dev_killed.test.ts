// kill -9 of `dev` itself: nobody ends the parts in their order any more.
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { isRunning, type ProcessId, startTimeOf } from "../../src/platform/process_id.ts";
import { Mesh } from "../support/mesh.ts";
import { send } from "../support/requests.ts";

const idOf = (pid: number | undefined): ProcessId => ({ pid: pid ?? 0, startTime: startTimeOf(pid ?? 0) ?? "" });

test("what dev started notices that it has gone, but for NATS and the Envoys, which the next dev ends", async () => {
  const killed = await Mesh.start();
  const { stateDir } = killed;
  const { nodes, agents, nats, workloads, pid } = killed.ready;
  const alone = [...nodes, ...agents].map((part) => idOf(part.pid));
  const apps = workloads.flatMap(({ pids }) => (pids.command === undefined ? [] : [idOf(pids.command)]));
  const left = [...nats.map((part) => idOf(part.pid)), ...workloads.map(({ pids }) => idOf(pids.envoy))];

  process.kill(pid, "SIGKILL");
  while ([...alone, ...apps].some(isRunning)) await pause(50);
  assert.ok(left.every(isRunning));

  const mesh = await Mesh.start({ stateDir });
  try {
    assert.equal(left.some(isRunning), false);
    const { status } = await send({ via: new URL(mesh.ready.ingress).host, path: "/productpage" });
    assert.equal(status, 200);
    assert.equal(await mesh.stop(), 0);
    assert.deepEqual(await mesh.leftovers(), []);
  } finally {
    await mesh.remove();
  }
});
