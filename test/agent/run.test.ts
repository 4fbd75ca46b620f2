// A run through everything that can come at a bad moment: its end, its Envoy's death, the agent's stop, somebody else's
// port. The Envoys are processes of their own (fake_envoy.mjs), the node is the test.

import assert from "node:assert/strict";
import { once } from "node:events";
import { get } from "node:http";
import { createServer, type Server } from "node:net";
import { test } from "node:test";
import { loopback } from "../../src/platform/free_ports.ts";
import { startTimeOf } from "../../src/platform/process_id.ts";
import { AgentRuns } from "../support/agent_runs.ts";
import { settled } from "../support/manual_clock.ts";

async function withRuns(story: (runs: AgentRuns) => Promise<void>): Promise<void> {
  const runs = await AgentRuns.start();
  try {
    await story(runs);
  } finally {
    await runs.clean();
  }
}

const servingIn = (runs: AgentRuns) => runs.sets.map(({ workloads }) => workloads[0]?.serving);

/** Listens on the port as soon as its owner has let go of it. */
async function steal(port: number): Promise<Server> {
  for (;;) {
    const server = createServer().listen(port, loopback);
    const got = once(server, "listening").then(
      () => true,
      () => false,
    );
    if (await got) return server;
  }
}

async function statusOf(hostPort: string): Promise<number | undefined> {
  const [response] = await once(get(`http://${hostPort}/server_info`, { agent: false }), "response");
  return response.resume().statusCode;
}

test("an Envoy that dies while its run ends is not announced again", async () => {
  await withRuns(async (runs) => {
    const client = runs.gateway({ name: "g" });
    const { envoyPid } = await client.next("ready");
    const told = runs.sets.length;

    const ended = runs.host.close(client.session);
    await runs.until(() => runs.sets.length > told);
    process.kill(envoyPid, "SIGKILL");
    await ended;

    assert.deepEqual(
      servingIn(runs).filter((_, i) => i >= told),
      [false, undefined],
    );
    assert.deepEqual([runs.folders, runs.sockets, [...runs.given]], [[], [], []]);
  });
});

/** Ended that many promise steps, then that many turns of the event loop, after the node was told of it. */
const moments = [
  ...Array.from({ length: 12 }, (_, i) => ({ steps: i * 4, turns: 0 })),
  ...Array.from({ length: 8 }, (_, i) => ({ steps: 0, turns: i })),
];

const namesIn = (runs: AgentRuns, from: number) =>
  runs.svidsAsked.slice(from).flatMap(({ requests }) => requests.map(({ workload }) => workload));

test("ended at any moment of its start, nothing of a run is left and no identity is asked for it", async () => {
  for (const { steps, turns } of moments) {
    await withRuns(async (runs) => {
      const client = runs.gateway({ name: "g", ports: [{ port: 80, hostPort: 0 }] });
      await runs.until(() => runs.sets.length > 0);
      for (let step = 0; step < steps; step++) await Promise.resolve();
      for (let turn = 0; turn < turns; turn++) await settled();
      await runs.host.close(client.session);
      const asked = runs.svidsAsked.length;
      assert.deepEqual(runs.sets.at(-1)?.workloads, []);
      // Whatever was still to be asked for goes before, or with, what the next one asks.
      runs.gateway({ name: "next" });
      await runs.until(() => namesIn(runs, asked).includes("next.default"));

      const moment = `after ${steps} steps, ${turns} turns`;
      assert.deepEqual(namesIn(runs, asked), ["next.default"], moment);
      assert.deepEqual([runs.folders, runs.sockets.length, runs.given.size], [[], 1, 1], moment);
    });
  }
});

test("an agent that stops while a set is under way and leaves its Envoys ends no run", async () => {
  await withRuns(async (runs) => {
    const client = runs.gateway({ name: "g" });
    const { promise, reject } = Promise.withResolvers<void>();
    // The answer to the set that announces it.
    runs.node = () => (servingIn(runs).includes(true) ? promise : Promise.resolve());
    const [record] = await runs.until(() => servingIn(runs).includes(true) && runs.records.all(() => {}));
    const pid = record?.envoy?.pid ?? 0;

    runs.host.refuseNew();
    runs.stopping.abort(new Error("the agent is stopped"));
    reject(new Error("socket hang up"));
    for (let turn = 0; turn < 10; turn++) await settled();

    assert.deepEqual(client.events, []);
    assert.equal(runs.logged.includes("workload-failed"), false);
    assert.notEqual(startTimeOf(pid), undefined);
    assert.equal(runs.records.all(() => {})[0]?.serving, true);
  });
});

test("an agent that stops sends new clients to the next one, and ends also what was being opened", async () => {
  const runs = await AgentRuns.start();
  const opening = runs.gateway({ name: "g", ports: [{ port: 80, hostPort: 0 }] });

  runs.host.refuseNew();
  await runs.host.endAll("the agent is stopped");
  assert.equal(opening.ended, true);
  assert.deepEqual([runs.host.runs, [...runs.given]], [[], []]);

  const late = runs.gateway({ name: "h" });
  await settled();
  assert.deepEqual([late.ended, late.events], [true, []]);
  await runs.clean();
});

test("an admin port that is stolen during a restart moves, and the client is told by a new ready event", async () => {
  await withRuns(async (runs) => {
    const client = runs.gateway({ name: "g", ports: [{ port: 80, hostPort: 0 }] });
    const before = await client.next("ready");
    process.kill(before.envoyPid, "SIGKILL");
    const thief = await steal(Number(before.admin.split(":")[1]));
    try {
      const restarted = await client.next("restarted");
      const now = await client.next("ready");

      assert.notEqual(now.admin, before.admin);
      assert.equal(await statusOf(now.admin), 200);
      assert.equal(now.envoyPid, restarted.pid);
      assert.deepEqual(now.listeners, before.listeners);
      assert.equal(runs.host.status[0]?.admin, now.admin);
      assert.equal(runs.given.has(Number(before.admin.split(":")[1])), false);
    } finally {
      thief.close();
    }
  });
});

test("an Envoy that cannot be started again for a while is tried until it can", async () => {
  await withRuns(async (runs) => {
    const client = runs.gateway({ name: "g" });
    const { envoyPid } = await client.next("ready");
    runs.moveEnvoy(false);
    process.kill(envoyPid, "SIGKILL");
    await runs.until(() => runs.logged.includes("envoy-not-started"));
    runs.moveEnvoy(true);
    assert.notEqual((await client.next("restarted")).pid, envoyPid);
  });
});

test("an Envoy that never ran and cannot be started fails its run", async () => {
  await withRuns(async (runs) => {
    runs.moveEnvoy(false);
    const failed = await runs.gateway({ name: "g" }).next("failed");
    assert.match(failed.message, /does not run; give its path by --envoy/);
    await runs.until(() => runs.host.runs.length === 0);
    assert.deepEqual([runs.folders, [...runs.given]], [[], []]);
  });
});

test("a port that a user fixed is had by one run, also while nobody listens on it yet", async () => {
  await withRuns(async (runs) => {
    const [free] = [await runs.gateway({ name: "any", ports: [{ port: 80, hostPort: 0 }] }).next("ready")];
    const hostPort = Number(free.listeners?.["80"]?.split(":")[1]);
    await runs.host.close("s-any");

    const first = runs.gateway({ name: "first", ports: [{ port: 80, hostPort }] });
    await first.next("ready");
    const second = await runs.gateway({ name: "second", ports: [{ port: 80, hostPort }] }).next("failed");

    assert.deepEqual(
      [second.exit, second.message],
      [1, `127.0.0.1:${hostPort} is taken already; choose another port, or 0 for any`],
    );
    await runs.until(() => runs.host.runs.length === 1);
    assert.equal(runs.given.has(hostPort), true, "the first still has it");
  });
});
