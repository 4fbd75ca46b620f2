import assert from "node:assert/strict";
import { test } from "node:test";
import { startTestApi } from "./support/api.ts";

const path = "/v1/endpoints/default/reviews";

function set(...ids: readonly string[]): { readonly body: string } {
  const endpoints = ids.map((id) => ({ id, address: "127.0.0.1", ports: { http: 9080 }, labels: { version: id } }));
  return { body: JSON.stringify({ ports: [{ name: "http", port: 80, protocol: "http" }], endpoints }) };
}

test("the whole set of one source is replaced, and the answer carries the token that holds it", async (t) => {
  const { call, ports } = await startTestApi(t);
  const first = await call("PUT", path, set("v1", "v2"));
  assert.equal(first.status, 200);
  assert.equal(first.body.token, `${ports.store.incarnation("endpoints")}-1`);
  await call("PUT", `${path}?source=registry`, set("v9"));
  const second = await call("PUT", path, set("v2"));
  assert.notEqual(second.body.token, first.body.token);
  const { sources } = (await call("GET", path)).body;
  const ids = sources.map(({ source, endpoints }: { source: string; endpoints: { id: string }[] }) => [
    source,
    endpoints.map(({ id }) => id).join(),
  ]);
  assert.deepEqual(ids.sort(), [
    ["api", "v2"],
    ["registry", "v9"],
  ]);
  const service = await call("GET", "/v1/resources/services/default/reviews");
  assert.deepEqual(service.body.status, { ports: ["80/http"], endpoints: 2, healthy: 2, sources: ["api", "registry"] });
});

test("the service's actor is asked only when the ports are not claimed yet", async (t) => {
  const { call, around } = await startTestApi(t);
  await call("PUT", path, set("v1"));
  assert.equal(around.claims, 0);
  around.held = false;
  await call("PUT", path, set("v1", "v2"));
  assert.equal(around.claims, 1);
});

test("a port that others claim with another protocol is refused, and nothing is stored", async (t) => {
  const { call, around, ports } = await startTestApi(t);
  around.held = false;
  around.claim = { kind: "conflict", conflicts: [{ port: 80, because: "it is tcp, as agent-h1 says" }] };
  const answer = await call("PUT", path, set("v1"));
  assert.deepEqual([answer.status, answer.body.code], [409, "port-protocol-conflict"]);
  assert.match(answer.body.detail, /port 80 .* agent-h1/);
  assert.equal(ports.mirror.position().endpoints, 0);
});

test("nobody speaks as a host's agent here, and what is no set is refused with its field", async (t) => {
  const { call, ports } = await startTestApi(t);
  assert.equal((await call("PUT", `${path}?source=agent-h1`, set("v1"))).status, 400);
  const good = JSON.parse(set("v1").body);
  const bad: readonly unknown[] = [
    "nonsense",
    [],
    { ...good, ports: "x" },
    { ...good, endpoints: [{ ...good.endpoints[0], address: "reviews.example" }] },
    { ...good, endpoints: [{ ...good.endpoints[0], ports: { nope: 1 } }] },
    { ...good, endpoints: [good.endpoints[0], good.endpoints[0]] },
    { ...good, endpoints: [{ ...good.endpoints[0], weight: -1 }] },
    { ...good, nonsense: true },
  ];
  for (const body of bad) {
    const answer = await call("PUT", path, { body: JSON.stringify(body) });
    assert.ok(answer.status === 400 || answer.status === 422, `${answer.status} ${JSON.stringify(body)}`);
    assert.notEqual(answer.body.detail, "");
  }
  assert.equal((await call("PUT", "/v1/endpoints/default/..%2F", set("v1"))).status, 400);
  assert.equal(ports.mirror.position().endpoints, 0);
});
