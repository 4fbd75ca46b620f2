// What a node's watch over the hosts does, told by three of them together.
import assert from "node:assert/strict";
import { test } from "node:test";
import { beat, dueMs, leaseMs, TestMesh } from "./host_world.ts";

test("a host that falls silent is withheld after lease and grace by one write, and back with its first word", async () => {
  const mesh = new TestMesh();
  await mesh.pass(dueMs * 2);
  assert.deepEqual(await mesh.withheld(), []);
  mesh.speaking.delete("h1");

  await mesh.pass(dueMs - 3_000);
  assert.deepEqual(await mesh.withheld(), []);
  await mesh.pass(7_000);
  assert.deepEqual(await mesh.withheld(), ["h1"]);
  const writes = mesh.server.stream("records").last;
  await mesh.pass(dueMs);
  assert.equal(mesh.server.stream("records").last, writes);

  mesh.node(2).hosts.heard("h1", beat);
  await mesh.clock.advance(50);
  assert.deepEqual(await mesh.withheld(), []);
});

test("a proxy that is connected to any node keeps its host in force; a lease after it went the host is silent", async () => {
  const mesh = new TestMesh();
  mesh.node(1).connected.add("h1");
  mesh.speaking.delete("h1");

  await mesh.pass(dueMs * 3);
  assert.deepEqual(await mesh.withheld(), []);
  mesh.node(1).connected.clear();
  await mesh.pass(leaseMs - 1_000);
  assert.deepEqual(await mesh.withheld(), []);
  await mesh.pass(4_000);
  assert.deepEqual(await mesh.withheld(), ["h1"]);
});

test("all silent at once: nothing is withheld, the node that decides says so until most speak again", async () => {
  const mesh = new TestMesh();
  await mesh.pass(4_000);
  mesh.speaking.clear();

  await mesh.pass(dueMs * 2);

  assert.deepEqual(await mesh.withheld(), []);
  assert.deepEqual(
    mesh.nodes.flatMap(({ watch }) => watch.guarded ?? []),
    [{ silent: 3, hosts: 3 }],
  );
  mesh.speaking = new Set(mesh.hosts);
  await mesh.pass(4_000);
  assert.deepEqual(
    mesh.nodes.flatMap(({ watch }) => watch.guarded ?? []),
    [],
  );
});

test("while a node does not answer nothing is withheld: it may be the one that hears the host", async () => {
  const mesh = new TestMesh();
  mesh.speaking.delete("h1");
  mesh.node(0).cut = true;

  await mesh.pass(dueMs * 2);
  assert.deepEqual(await mesh.withheld(), []);
});

test("after an outage of everything each host has its lease and grace again", async () => {
  const mesh = new TestMesh();
  mesh.speaking.clear();
  await mesh.pass(dueMs - 5_000);
  for (const node of mesh.nodes) node.sinceMs = mesh.clock.monotonicMs();
  mesh.speaking = new Set(["h0", "h2"]);

  await mesh.pass(dueMs - 2_000);
  assert.deepEqual(await mesh.withheld(), []);
  await mesh.pass(6_000);
  assert.deepEqual(await mesh.withheld(), ["h1"]);
});

test("a node that has just begun to listen takes nobody back", async () => {
  const mesh = new TestMesh();
  mesh.speaking.delete("h1");
  await mesh.pass(dueMs + 4_000);
  for (const node of mesh.nodes) node.sinceMs = mesh.clock.monotonicMs();

  await mesh.pass(leaseMs);

  assert.deepEqual(await mesh.withheld(), ["h1"]);
});
