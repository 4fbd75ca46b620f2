import assert from "node:assert/strict";
import { test } from "node:test";
import type { Namespace } from "../../src/model/names.ts";
import { shardRecord } from "../../src/store/keys.ts";
import type { OperationId } from "../../src/store/store.ts";
import { startTestApi, virtualService } from "./support/api.ts";

const object = "/v1/resources/virtualservices/default/reviews";
const set = "/v1/endpoints/default/reviews";

const keyed = (key: string, body: string, more: Readonly<Record<string, string>> = {}) => ({
  body,
  headers: { "idempotency-key": key, ...more },
});

function endpoints(...ids: readonly string[]): string {
  const all = ids.map((id) => ({ id, address: "127.0.0.1", ports: { http: 9080 } }));
  return JSON.stringify({ ports: [{ name: "http", port: 80, protocol: "http" }], endpoints: all });
}

test("an apply that is repeated under its key after the caller's next write does not undo that", async (t) => {
  const { call } = await startTestApi(t);
  const first = await call("POST", "/v1/apply", keyed("one", virtualService("reviews", [90, 10])));
  const next = await call("POST", "/v1/apply", keyed("two", virtualService("reviews", [50, 50])));

  const late = await call("POST", "/v1/apply", keyed("one", virtualService("reviews", [90, 10])));

  assert.equal(late.status, 200);
  assert.equal(late.body.revision, first.body.revision);
  assert.deepEqual([late.body.applied[0].result, late.body.applied[0].generation], ["unchanged", 2]);
  const { metadata, spec } = (await call("GET", `${object}?atLeast=${next.body.revision}`)).body;
  assert.equal(metadata.generation, 2);
  assert.equal(spec.http[0].route[0].weight, 50);
});

test("an attempt on an old copy, overtaken by its repetition and the caller's next write at another node, changes nothing", async (t) => {
  const { call, server, ports, other } = await startTestApi(t);
  await call("PUT", set, { body: endpoints("a") });
  server.pauseTails();
  const service = { namespace: "default" as Namespace, name: "reviews" };
  const key = shardRecord(service, "api", 0);
  const sequences: number[] = [];
  for (const [operation, id] of [
    ["call-one", "b"],
    ["call-two", "c"],
  ] as const) {
    const seen = await other.read("endpoints", key);
    const value = { ...ports.mirror.shard(service, "api", 0).value, endpoints: [], source: id };
    const write = { key, value, seen };
    const outcome = await other.append("endpoints", { operation: operation as OperationId, writes: [write] });
    sequences.push(outcome.kind === "done" ? outcome.sequence : 0);
  }
  const late = call("PUT", set, keyed("one", endpoints("b")));
  server.resumeTails();

  assert.equal((await late).body.token, `${ports.store.incarnation("endpoints")}-${sequences[0]}`);
  assert.equal((await other.read("endpoints", key))?.sequence, sequences[1]);
});

test("a generation that is named must stand, and a call that was done stays done", async (t) => {
  const { call } = await startTestApi(t);
  const put = (key: string, weights: readonly [number, number], headers: Readonly<Record<string, string>>) =>
    call("PUT", object, keyed(key, virtualService("reviews", weights), headers));
  assert.equal((await put("a", [90, 10], { "if-match": '"1"' })).status, 412);
  assert.equal((await put("b", [90, 10], { "if-none-match": "*" })).status, 200);
  assert.equal((await put("c", [80, 20], { "if-none-match": "*" })).body.code, "precondition-failed");
  const second = await put("d", [80, 20], { "if-match": '"1"' });
  assert.equal(second.body.applied[0].generation, 2);
  assert.equal((await put("e", [70, 30], { "if-match": '"1"' })).status, 412);

  const again = await put("d", [80, 20], { "if-match": '"1"' });

  assert.deepEqual([again.status, again.body.revision], [200, second.body.revision]);
});

test("under a key the service's actor is always asked: a copy leaves no trace that a late attempt would find", async (t) => {
  const { call, around } = await startTestApi(t);
  const asked = async (sent: Parameters<typeof call>[2]): Promise<number> => {
    const before = around.claims;
    assert.equal((await call("PUT", set, sent)).status, 200);
    return around.claims - before;
  };
  around.held = true;
  assert.equal(await asked({ body: endpoints("a") }), 0);
  assert.equal(await asked(keyed("one", endpoints("a"))), 1);
});

test("under a key a set of endpoints must stand in one record", async (t) => {
  const { call } = await startTestApi(t);
  const many = Array.from({ length: 129 }, (_, index) => `e${index}`);
  assert.equal((await call("PUT", set, keyed("many", endpoints(...many)))).status, 413);
  assert.equal((await call("PUT", set, { body: endpoints(...many) })).status, 200);
});

test("a key or a precondition that cannot be read is refused with the header's name", async (t) => {
  const { call } = await startTestApi(t);
  const body = virtualService("reviews");
  for (const [name, value] of [
    ["idempotency-key", "a b"],
    ["idempotency-key", "k".repeat(65)],
    ["if-match", "3"],
    ["if-none-match", '"3"'],
  ] as const) {
    const answer = await call("PUT", object, { body, headers: { [name]: value } });
    assert.equal(answer.status, 400);
    assert.ok(answer.body.detail.includes(name), answer.body.detail);
  }
});
