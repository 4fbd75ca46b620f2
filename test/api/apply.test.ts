import assert from "node:assert/strict";
import { test } from "node:test";
import { limits } from "../../src/platform/limits.ts";
import { startTestApi, virtualService } from "./support/api.ts";

test("many documents are one revision, and what was applied is there at once", async (t) => {
  const { apply, call } = await startTestApi(t);
  const answer = await apply(`${virtualService("reviews")}---\n${virtualService("ratings", [50, 50], "other")}`);
  assert.equal(answer.status, 200);
  assert.deepEqual(answer.body.applied, [
    { kind: "VirtualService", namespace: "default", name: "reviews", generation: 1, result: "created" },
    { kind: "VirtualService", namespace: "other", name: "ratings", generation: 1, result: "created" },
  ]);
  const got = await call("GET", "/v1/resources/vs/default/reviews");
  assert.equal(got.body.spec.http[0].route[0].weight, 90);
  assert.equal(got.body.metadata.generation, 1);
});

test("what `get` prints can be applied again and is unchanged, at the same revision", async (t) => {
  const { apply, call } = await startTestApi(t);
  const first = await apply(virtualService("reviews"));
  const { text } = await call("GET", "/v1/resources/virtualservices/default/reviews");
  const again = await apply(text);
  assert.equal(again.body.applied[0].result, "unchanged");
  assert.equal(again.body.revision, first.body.revision);
  const changed = await apply(virtualService("reviews", [50, 50]));
  assert.deepEqual([changed.body.applied[0].result, changed.body.applied[0].generation], ["configured", 2]);
  assert.notEqual(changed.body.revision, first.body.revision);
});

test("one bad document refuses all of them, each mistake with its file, line and column; nothing is stored", async (t) => {
  const { call, ports } = await startTestApi(t);
  const before = ports.mirror.position();
  const bad = virtualService("ratings").replace("weight: 90", "wieght: 90").replace("weight: 10", "weight: lots");
  const files = [
    { name: "good.yaml", text: virtualService("reviews") },
    { name: "bad.yaml", text: bad },
  ];
  const headers = { "content-type": "application/vnd.weft.apply+json" };
  const answer = await call("POST", "/v1/apply", { body: JSON.stringify({ files }), headers });
  assert.deepEqual([answer.status, answer.body.code], [422, "invalid-input"]);
  assert.match(String(answer.headers["content-type"]), /^application\/problem\+json/);
  const places = answer.body.problems.map(
    ({ position, field }: { position: { file: string; line: number; column: number }; field: string }) =>
      `${position.file}:${position.line}:${position.column} ${field}`,
  );
  assert.deepEqual(places, [
    "bad.yaml:10:11 spec.http[0].route[0].wieght",
    "bad.yaml:12:11 spec.http[0].route[1].weight",
  ]);
  assert.match(answer.body.problems[0].message, /weight/);
  assert.deepEqual(ports.mirror.position(), before);
});

test("Kubernetes' own kinds are passed over with a warning", async (t) => {
  const { apply } = await startTestApi(t);
  const deployment = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\n";
  const { body } = await apply(`${deployment}---\n${virtualService("reviews")}`);
  assert.deepEqual(
    body.applied.map(({ kind, result }: { kind: string; result: string }) => [kind, result]),
    [
      ["VirtualService", "created"],
      ["Deployment", "ignored"],
    ],
  );
  assert.equal(body.warnings[0].severity, "warning");
});

test("a dry run answers the same and stores nothing", async (t) => {
  const { apply, ports } = await startTestApi(t);
  const before = ports.mirror.position();
  const { body } = await apply(virtualService("reviews"), "?dryRun=true");
  assert.equal(body.applied[0].result, "created");
  assert.deepEqual(ports.mirror.position(), before);
});

test("what admission refuses is refused at its place in the file; its warnings are told", async (t) => {
  const { apply, around, ports } = await startTestApi(t);
  const found = {
    code: "MSH2001",
    object: "virtualservice default/reviews",
    message: "Envoy would refuse it",
  } as const;
  around.admission = () => [{ ...found, severity: "error" }];
  const refused = await apply(`\n\n${virtualService("reviews")}`);
  assert.equal(refused.status, 422);
  const isFound = ({ code }: { readonly code: string }): boolean => code === found.code;
  assert.deepEqual(refused.body.problems.find(isFound).position, { line: 3, column: 1 });
  assert.equal(ports.mirror.position().records, 0);
  around.admission = () => [{ ...found, severity: "warning" }];
  const { status, body } = await apply(virtualService("reviews"));
  assert.deepEqual([status, body.warnings.find(isFound).message], [200, "Envoy would refuse it"]);
});

test("what is odd beside the mesh is taken, with a warning at its place", async (t) => {
  const { apply } = await startTestApi(t);
  const { status, body } = await apply(virtualService("reviews", [90, 20]));
  assert.equal(status, 200);
  assert.ok(body.warnings.length > 0);
  for (const { severity, position } of body.warnings) {
    assert.equal(severity, "warning");
    assert.ok(position.line > 0);
  }
});

test("more documents than one apply takes are refused with the figure", async (t) => {
  const { apply } = await startTestApi(t);
  const many = Array.from({ length: limits.applyDocuments + 1 }, (_, index) => virtualService(`s${index}`)).join(
    "---\n",
  );
  const answer = await apply(many);
  assert.equal(answer.status, 422);
  assert.match(answer.body.detail, new RegExp(String(limits.applyDocuments)));
});

test("as many as one apply takes go in one revision, with their log", async (t) => {
  const { apply, call } = await startTestApi(t);
  const many = Array.from({ length: limits.applyDocuments }, (_, index) => virtualService(`s${index}`)).join("---\n");
  assert.equal((await apply(many)).status, 200);
  assert.equal((await call("GET", "/v1/resources/vs")).body.items.length, limits.applyDocuments);
});

test("two who apply the same object at once are both answered, and the last one holds", async (t) => {
  const { apply, call } = await startTestApi(t);
  await apply(virtualService("reviews"));
  const answers = await Promise.all([1, 2, 3, 4].map((n) => apply(virtualService("reviews", [100 - n, n]))));
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 200, 200],
  );
  const generations = answers.map(({ body }) => body.applied[0].generation).sort();
  assert.deepEqual(generations, [2, 3, 4, 5]);
  assert.equal((await call("GET", "/v1/resources/vs/default/reviews")).body.metadata.generation, 5);
});

test("an apply whose answer from the store was lost is applied once", async (t) => {
  const { apply, server } = await startTestApi(t);
  server.faults.lostAnswer = 0.6;
  const answer = await apply(virtualService("reviews"));
  assert.deepEqual([answer.status, answer.body.applied[0].generation], [200, 1]);
  server.faults.lostAnswer = 0;
  const again = await apply(virtualService("reviews"));
  assert.equal(again.body.revision, answer.body.revision);
});

test("delete removes what is there and says what was not, by name or by file", async (t) => {
  const { apply, call } = await startTestApi(t);
  await apply(`${virtualService("a")}---\n${virtualService("b")}---\n${virtualService("c")}`);
  const refs = ["a", "zz"].map((name) => ({ kind: "vs", namespace: "default", name }));
  const headers = { "content-type": "application/vnd.weft.refs+json" };
  const named = await call("POST", "/v1/delete", { body: JSON.stringify({ refs }), headers });
  assert.deepEqual(
    named.body.deleted.map(({ name, result }: { name: string; result: string }) => [name, result]),
    [
      ["a", "deleted"],
      ["zz", "not-found"],
    ],
  );
  const filed = await call("POST", "/v1/delete", { body: virtualService("b") });
  assert.equal(filed.body.deleted[0].result, "deleted");
  assert.equal((await call("DELETE", "/v1/resources/vs/default/c")).status, 200);
  assert.equal((await call("DELETE", "/v1/resources/vs/default/c")).status, 404);
  assert.deepEqual((await call("GET", "/v1/resources")).body.items, []);
});
