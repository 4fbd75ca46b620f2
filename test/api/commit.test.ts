import assert from "node:assert/strict";
import { test } from "node:test";
import { commit } from "../../src/api/commit.ts";
import { SupersededSet, writeSet } from "../../src/api/endpoints/write.ts";
import { ApiRefusal } from "../../src/api/problem_details.ts";
import type { Endpoint } from "../../src/model/endpoint.ts";
import type { Locality, Namespace } from "../../src/model/names.ts";
import { limits } from "../../src/platform/limits.ts";
import { shardRecord } from "../../src/store/keys.ts";
import { openCommitPorts } from "./support/commit_ports.ts";

const service = { namespace: "default" as Namespace, name: "reviews" };
const signal = new AbortController().signal;

function endpoint(id: string): Endpoint {
  const common = {
    locality: "" as Locality,
    network: "",
    labels: {},
    health: "healthy",
    transport: "plaintext",
  } as const;
  return { id, address: "127.0.0.1", ports: { http: 8080 }, weight: 1, ...common };
}

const setOf = (...ids: readonly string[]) => ({
  service,
  source: "api",
  ports: [{ name: "http", port: 80, protocol: "http" as const }],
  endpoints: ids.map(endpoint),
});

test("what was written is held by this node when the answer goes out", async (t) => {
  const { ports } = await openCommitPorts(t);
  const sequence = await writeSet(ports, setOf("a"), "sole-writer", signal);
  assert.equal(ports.mirror.position().endpoints, sequence);
  assert.deepEqual(
    ports.mirror.shard(service, "api", 0).value?.endpoints.map(({ id }) => id),
    ["a"],
  );
});

test("the same set again writes nothing and answers where it stands", async (t) => {
  const { ports } = await openCommitPorts(t);
  const first = await writeSet(ports, setOf("a"), "sole-writer", signal);
  assert.equal(await writeSet(ports, setOf("a"), "sole-writer", signal), first);
});

test("a set that its source has replaced meanwhile, by another node, is not written over the newer one", async (t) => {
  const { ports, server, other } = await openCommitPorts(t);
  await writeSet(ports, { ...setOf("a"), said: 1 }, "sole-writer", signal);
  server.pauseTails();
  const key = shardRecord(service, "api", 0);
  const write = { key, value: { ...setOf("c"), shard: 0, said: 3 }, seen: await other.read("endpoints", key) };
  assert.equal((await other.append("endpoints", { operation: "op" as never, writes: [write] })).kind, "done");

  const late = writeSet(ports, { ...setOf("b"), said: 2 }, "sole-writer", signal);
  server.resumeTails();

  await assert.rejects(late, (error) => error instanceof SupersededSet && error.newest === 3);
  assert.deepEqual((await other.read("endpoints", key))?.value, write.value);
});

test("a numbered set that is said again writes nothing", async (t) => {
  const { ports } = await openCommitPorts(t);
  const first = await writeSet(ports, { ...setOf("a"), said: 1 }, "sole-writer", signal);
  assert.equal(await writeSet(ports, { ...setOf("a"), said: 2 }, "sole-writer", signal), first);
});

test("a copy that lags is overtaken, catches up and writes over what it then sees", async (t) => {
  const { ports, server, other } = await openCommitPorts(t);
  await writeSet(ports, setOf("a"), "sole-writer", signal);
  server.pauseTails();
  const record = await other.read("endpoints", shardRecord(service, "api", 0));
  const write = { key: shardRecord(service, "api", 0), value: { ...setOf("b"), shard: 0 }, seen: record };
  const outcome = await other.append("endpoints", { operation: "op" as never, writes: [write] });
  assert.equal(outcome.kind, "done");

  const written = writeSet(ports, setOf("c"), "sole-writer", signal);
  server.resumeTails();

  const sequence = await written;
  assert.deepEqual(
    ports.mirror.shard(service, "api", 0).value?.endpoints.map(({ id }) => id),
    ["c"],
  );
  assert.equal(ports.mirror.position().endpoints, sequence);
});

test("a write whose answer was lost is found out, and applied once", async (t) => {
  const { ports, server } = await openCommitPorts(t);
  server.faults.lostAnswer = 0.7;
  server.faults.lostAppend = 0.2;
  const before = ports.mirror.position().endpoints;
  const sequence = await writeSet(ports, setOf("a"), "sole-writer", signal);
  assert.equal(sequence, before + 1);
});

test("who is always overtaken is told so, after a bounded number of attempts", async (t) => {
  const { ports } = await openCommitPorts(t);
  await writeSet(ports, setOf("a"), "sole-writer", signal);
  let plans = 0;
  const plan = () => {
    plans++;
    // A plan that never looks at what is there.
    const write = { key: shardRecord(service, "api", 0), value: { plans }, seen: undefined };
    return { result: undefined, appends: [{ writes: [write] }] };
  };
  const request = { stream: "endpoints", freshness: "catch-up", plan, signal } as const;
  await assert.rejects(commit(ports, request), (cause) => cause instanceof ApiRefusal && cause.code === "conflict");
  assert.equal(plans, limits.writeAttempts);
});
