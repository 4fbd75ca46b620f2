/** /v1/freeze: one record of the mesh that says who froze it, since when, and what may go. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { frozenFrom } from "../../src/api/routes/freeze.ts";
import type { Marks } from "../../src/model/delivery.ts";
import { startTestApi, virtualService } from "./support/api.ts";

test("a freeze is stored at the revision there was; lifting it leaves nothing", async (t) => {
  const { call, apply, ports } = await startTestApi(t);
  const { revision } = (await apply(virtualService("reviews"))).body;
  assert.equal((await call("GET", "/v1/freeze")).body.frozen, false);

  const frozen = await call("PUT", "/v1/freeze", { body: JSON.stringify({ reason: "incident" }) });
  assert.equal(frozen.status, 200);
  const { who, reason, since, endpoints } = frozen.body.freeze;
  assert.match(who, /^api /);
  assert.ok(Date.parse(since) > 0);
  assert.deepEqual([reason, endpoints, frozen.body.freeze.revision], ["incident", false, revision]);
  assert.notEqual(frozen.body.revision, revision);

  await apply(virtualService("ratings"));
  const again = await call("PUT", "/v1/freeze", { body: JSON.stringify({ endpoints: true }) });
  assert.deepEqual(again.body.freeze, { ...frozen.body.freeze, endpoints: true }, "it is still of that revision");

  const lifted = await call("DELETE", "/v1/freeze");
  assert.deepEqual([lifted.status, lifted.body.frozen], [200, false]);
  assert.deepEqual(ports.mirror.delivery().value, {});
});

test("a release names how far both streams are now", async (t) => {
  const { call, ports, around } = await startTestApi(t);
  around.holds = [{ reason: "drop", changes: 3, message: "a drop", next: "meshctl freeze --release" }];
  const { body } = await call("POST", "/v1/freeze/release");
  assert.deepEqual(body.holds, around.holds);
  const { released } = ports.mirror.delivery().value ?? {};
  assert.equal(released?.endpoints.incarnation, ports.store.incarnation("endpoints"));
  assert.equal(released?.records.incarnation, ports.store.incarnation("records"));
});

test("who wrote it, and what it was before, stands in the log", async (t) => {
  const { call, ports } = await startTestApi(t);
  const logs: unknown[] = [];
  const tail = ports.store.tail("records", {
    batch: (entries) => {
      for (const { record } of entries) if (record.key.startsWith("log.")) logs.push(record.value);
    },
    reset: () => {},
    synced: () => {},
  });
  t.after(() => tail.stop());
  await call("PUT", "/v1/freeze");
  await call("DELETE", "/v1/freeze");
  const whats = logs.map((log) => JSON.parse(JSON.stringify(log)).what);
  assert.deepEqual(whats, ["freeze", "lift the freeze"]);
});

test("a word that it does not know is refused, and nothing is frozen", async (t) => {
  const { call } = await startTestApi(t);
  assert.equal((await call("PUT", "/v1/freeze?force=true")).status, 400);
  assert.equal((await call("PUT", "/v1/freeze", { body: '{"reason":7}' })).status, 400);
  assert.equal((await call("PUT", "/v1/freeze", { body: JSON.stringify({ reason: "x".repeat(1_025) }) })).status, 400);
  assert.equal((await call("GET", "/v1/freeze")).body.frozen, false);
});

test("a wait for what is held is answered at once, with what lets it go", async (t) => {
  const { call, around } = await startTestApi(t);
  const holds = [{ reason: "frozen" as const, changes: 1, message: "frozen by ana", next: "meshctl freeze --off" }];
  around.distribution = async () => ({ kind: "held", holds });
  const { status, body } = await call("GET", "/v1/wait");
  assert.deepEqual([status, body.kind, body.holds], [200, "held", holds]);
});

test("endpoints frozen later than the rest are those of then", () => {
  const at = (sequence: number): Marks => ({
    records: { incarnation: "r", sequence },
    endpoints: { incarnation: "e", sequence },
  });
  const first = frozenFrom(undefined, { who: "ana", atMs: 1, endpoints: false, reason: "why" }, at(1));
  const second = frozenFrom(first, { who: "ben", atMs: 2, endpoints: true }, at(2));
  assert.deepEqual(second, {
    ...{ who: "ana", reason: "why", sinceMs: 1, endpoints: true },
    at: { records: at(1).records, endpoints: at(2).endpoints },
  });
  assert.deepEqual(frozenFrom(second, { who: "ben", atMs: 3, endpoints: true }, at(3)), second);
});
