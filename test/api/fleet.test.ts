import assert from "node:assert/strict";
import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { createInterface } from "node:readline";
import { test } from "node:test";
import type { StreamPosition } from "../../src/api/ports.ts";
import { startTestApi, virtualService } from "./support/api.ts";

test("a wait without a revision is for what the leader holds at the call, of both streams", async (t) => {
  const { apply, call, around } = await startTestApi(t);
  const { revision } = (await apply(virtualService("reviews"))).body;
  const asked: StreamPosition[] = [];
  around.distribution = async (position) => {
    asked.push(position);
    return { kind: "distributed", proxies: 3 };
  };
  const { body } = await call("GET", "/v1/wait");
  assert.deepEqual([body.kind, body.proxies, body.revision], ["distributed", 3, revision]);
  await call("GET", `/v1/wait?revision=${revision}`);
  assert.deepEqual(asked, [
    { records: Number(revision.split("-").at(-1)), endpoints: 0 },
    { records: Number(revision.split("-").at(-1)), endpoints: 0 },
  ]);
});

test("a wait says what was waited for, and nothing of a stream that nothing was asked of", async (t) => {
  const { apply, call, around } = await startTestApi(t);
  around.distribution = async () => ({ kind: "distributed", proxies: 3 });
  const { revision } = (await apply(virtualService("reviews"))).body;
  const set = { ports: [], endpoints: [] };
  const { token } = (await call("PUT", "/v1/endpoints/default/reviews", { body: JSON.stringify(set) })).body;
  const waitedFor = async (query: string) => {
    const { revision, endpointsToken } = (await call("GET", `/v1/wait?${query}`)).body;
    return { revision, endpointsToken };
  };
  assert.deepEqual(await waitedFor(`revision=${revision}`), { revision, endpointsToken: undefined });
  assert.deepEqual(await waitedFor(`endpoints=${token}`), { revision: undefined, endpointsToken: token });
  assert.deepEqual(await waitedFor(`revision=${token}`), { revision: undefined, endpointsToken: token });
  assert.deepEqual(await waitedFor(`revision=${revision}&endpoints=${token}`), { revision, endpointsToken: token });
  const newest = await waitedFor("");
  assert.deepEqual(newest, { revision, endpointsToken: token });
});

test("a wait whose time comes says who is still waited for; a refusal says who refused what", async (t) => {
  const { call, around } = await startTestApi(t);
  around.distribution = (_position, signal) =>
    new Promise((resolve) => {
      signal.addEventListener("abort", () => resolve({ kind: "pending", proxies: ["slow.default"] }));
    });
  const pending = await call("GET", "/v1/wait?timeoutMs=20");
  assert.deepEqual([pending.status, pending.body.kind, pending.body.proxies], [200, "pending", ["slow.default"]]);
  around.distribution = async () => ({
    kind: "refused",
    refusals: [{ proxy: "a.default", type: "lds", message: "no" }],
  });
  assert.equal((await call("GET", "/v1/wait")).body.refusals[0].message, "no");
});

test("a wait for a revision that this node does not hold yet is pending, not wrong", async (t) => {
  const { apply, call } = await startTestApi(t);
  const { revision } = (await apply(virtualService("reviews"))).body;
  const future = revision.replace(/\d+$/, "999");
  assert.equal((await call("GET", `/v1/wait?revision=${future}&timeoutMs=20`)).body.kind, "pending");
});

test("a watch tells each commit once, with the position that holds it", async (t) => {
  const { apply, url } = await startTestApi(t);
  const [response]: IncomingMessage[] = await once(get(`${url}/v1/watch`), "response");
  assert.ok(response);
  assert.equal(response.headers["content-type"], "text/event-stream");
  const lines = createInterface({ input: response });
  lines.on("error", () => {});
  t.after(() => response.destroy());
  const events: string[] = [];
  const told: Record<string, unknown>[] = [];
  const seen = new Promise<void>((resolve) => {
    lines.on("line", (line) => {
      if (line.startsWith("event: ")) events.push(line.slice("event: ".length));
      if (line.startsWith("data: ")) told.push(JSON.parse(line.slice("data: ".length)));
      if (told.length === 4) resolve();
    });
  });
  const { revision } = (await apply(`${virtualService("a")}---\n${virtualService("b")}`)).body;
  await seen;
  assert.deepEqual(events, ["position", "object", "object", "position"]);
  assert.match(revision, /-3$/);
  const [, first] = told;
  assert.deepEqual(
    [first?.change, first?.kind, first?.namespace, first?.name],
    ["set", "VirtualService", "default", "a"],
  );
  const { object } = first as { object: { spec: { hosts: string[] } } };
  assert.deepEqual(object.spec.hosts, ["a"]);
});

test("stopping the node ends its streams", async (t) => {
  const { url, api } = await startTestApi(t);
  const [response]: IncomingMessage[] = await once(get(`${url}/v1/topology/events`), "response");
  assert.ok(response);
  response.resume();
  const ended = once(response, "close");
  await api.close();
  await ended;
});

test("stopping the node answers who waits", async (t) => {
  const { call, api, around } = await startTestApi(t);
  const waiting = new Promise<void>((begun) => {
    around.distribution = (_position, signal) =>
      new Promise((resolve) => {
        signal.addEventListener("abort", () => resolve({ kind: "pending", proxies: ["slow.default"] }));
        begun();
      });
  });
  const answer = call("GET", "/v1/wait?timeoutMs=600000");
  await waiting;
  await api.close();
  assert.equal((await answer).body.kind, "pending");
});

test("alive, ready and metrics", async (t) => {
  const { call, around } = await startTestApi(t);
  assert.equal((await call("GET", "/healthz")).status, 200);
  assert.equal((await call("GET", "/readyz")).status, 200);
  around.ready = ["no certificate yet"];
  const not = await call("GET", "/readyz");
  assert.deepEqual([not.status, not.body.reasons], [503, ["no certificate yet"]]);
  assert.equal((await call("GET", "/metrics")).text, "up 1\n");
});

test("a token is made for the time that was asked, within bounds", async (t) => {
  const { call } = await startTestApi(t);
  const made = await call("POST", "/v1/tokens", { body: '{"ttlMs":60000}' });
  assert.deepEqual([made.status, made.body.token], [201, "secret"]);
  for (const body of ['{"ttlMs":1}', '{"ttlMs":"1h"}', "[]", "{"]) {
    assert.equal((await call("POST", "/v1/tokens", { body })).status, 400, body);
  }
});

test("every path that is described is served, and every one that is served is described", async (t) => {
  const { call } = await startTestApi(t);
  const { paths } = (await call("GET", "/openapi.json")).body;
  for (const [path, methods] of Object.entries<Record<string, unknown>>(paths)) {
    const filled = path.replace("{kind}", "vs").replace(/\{\w+\}/g, "x");
    for (const method of Object.keys(methods)) {
      if (path.endsWith("/events") || path === "/v1/watch") continue;
      const { status, body } = await call(method.toUpperCase(), filled, { body: method === "get" ? "" : "{" });
      assert.doesNotMatch(`${status} ${body?.detail}`, /404 .*no such thing/, `${method} ${path}`);
    }
  }
  const page = await call("GET", "/openapi");
  assert.match(page.text, /\/v1\/apply/);
});
