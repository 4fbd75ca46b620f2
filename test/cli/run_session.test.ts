import assert from "node:assert/strict";
import { test } from "node:test";
import { openRunSession } from "../../src/cli/run_session.ts";
import type { RunEvent, RunSidecar } from "../../src/model/run.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { seededRandom } from "../../src/platform/random.ts";
import { FakeAgent, readyEvent } from "./support/agent.ts";

const request: RunSidecar = {
  role: "sidecar",
  session: "s1",
  namespace: "default",
  serviceAccount: "default",
  labels: {},
  locality: "",
  service: "reviews",
  ports: [],
  upstreams: [],
};

function open(agent: FakeAgent) {
  const events: RunEvent[] = [];
  const onEvent = (event: RunEvent): void => void events.push(event);
  const session = openRunSession({
    socket: agent.socket,
    request,
    clock: systemClock,
    random: seededRandom(1),
    onEvent,
  });
  return { session, events, words: () => events.map(({ event }) => event) };
}

test("a session is ready when the agent says so, and withdrawn when it is stopped", async (t) => {
  const agent = await FakeAgent.start(t);
  agent.greeting = [readyEvent(7)];
  const { session } = open(agent);
  assert.equal((await session.ready).envoyPid, 7);
  await session.stop();
  assert.deepEqual(agent.withdrawn, ["s1"]);
  assert.equal(await session.ended, undefined);
});

test("an agent that died is asked again with the same session, and the workload lives on", async (t) => {
  const agent = await FakeAgent.start(t);
  agent.greeting = [readyEvent(7)];
  const { session, words } = open(agent);
  await session.ready;

  await agent.die();
  agent.greeting = [readyEvent(8)];
  await agent.listen();

  await agent.whenAsked(2);
  assert.equal(agent.asked[1]?.session, "s1");
  await session.stop();
  assert.deepEqual(agent.withdrawn, ["s1"]);
  assert.deepEqual(words().slice(0, 2), ["ready", "warning"]);
  assert.equal(words().filter((word) => word === "warning").length, 1);
});

test("an agent that refuses ends the session before it is ready, with what to exit with", async (t) => {
  const agent = await FakeAgent.start(t);
  agent.refusal = { status: 422, detail: "port 80 has two protocols" };
  const { session } = open(agent);
  await assert.rejects(session.ready, /two protocols/);
  assert.deepEqual(await session.ended, { event: "failed", message: "port 80 has two protocols", exit: 65 });
});

test("a failure that the agent tells later ends the session", async (t) => {
  const agent = await FakeAgent.start(t);
  agent.greeting = [readyEvent(7)];
  const { session } = open(agent);
  await session.ready;
  agent.tell({ event: "failed", message: "the name was taken", exit: 1 });
  assert.equal((await session.ended)?.message, "the name was taken");
  await session.stop();
});

test("an agent that is not there yet is waited for", async (t) => {
  const agent = await FakeAgent.start(t);
  await agent.die();
  agent.greeting = [readyEvent(7)];
  const { session } = open(agent);
  await agent.listen();
  assert.equal((await session.ready).workload, "reviews-v1.default");
  await session.stop();
});
