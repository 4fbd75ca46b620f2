import assert from "node:assert/strict";
import { test } from "node:test";
import { type Declared, planApply, planDelete, refOf } from "../../src/api/apply/plan.ts";
import type { Seen } from "../../src/api/ports.ts";
import type { Namespace } from "../../src/model/names.ts";
import type { ObjectRef, Resource, StoredResource } from "../../src/model/object.ts";
import { objectRecord } from "../../src/store/keys.ts";

const atMs = 1_000;

function resource(name: string, hosts: readonly string[], labels?: Record<string, string>): Resource {
  return {
    apiVersion: "networking.istio.io/v1",
    kind: "VirtualService",
    metadata: { name, namespace: "default" as Namespace, ...(labels && { labels }) },
    spec: { hosts },
  };
}

/** What a store holds after these were written, each once. */
function holding(...stored: readonly StoredResource[]): (ref: ObjectRef) => Seen<StoredResource> {
  const byKey = new Map(stored.map((value) => [objectRecord(refOf(value.resource)), value]));
  return (ref) => {
    const key = objectRecord(ref);
    const value = byKey.get(key);
    return { record: value && { key, sequence: 7, value, operations: [], epoch: 0 }, value };
  };
}

function apply(one: Declared, ...stored: readonly StoredResource[]) {
  const plan = planApply([one], holding(...stored), atMs);
  return { result: plan.results[0]?.result, generation: plan.results[0]?.generation, plan };
}

const stored: StoredResource = { resource: resource("a", ["x"]), generation: 3, createdAtMs: 5 };

test("a new object is created with generation 1, and the key must never have been written", () => {
  const { result, generation, plan } = apply({ resource: resource("a", ["x"]), origin: "f.yaml:1" });
  assert.deepEqual([result, generation], ["created", 1]);
  assert.equal(plan.writes[0]?.seen, undefined);
  assert.deepEqual(plan.writes[0]?.value, {
    resource: resource("a", ["x"]),
    generation: 1,
    createdAtMs: atMs,
    origin: "f.yaml:1",
  });
});

test("another spec raises the generation and keeps the age", () => {
  const { result, generation, plan } = apply({ resource: resource("a", ["y"]) }, stored);
  assert.deepEqual([result, generation], ["configured", 4]);
  assert.equal(plan.set[0]?.createdAtMs, 5);
  assert.equal(plan.writes[0]?.seen?.sequence, 7);
  assert.deepEqual(plan.changes[0]?.before, stored);
});

test("other labels alone leave the generation", () => {
  const { result, generation } = apply({ resource: resource("a", ["x"], { team: "a" }) }, stored);
  assert.deepEqual([result, generation], ["configured", 3]);
});

test("the same object again writes nothing, wherever it was read from", () => {
  const { result, generation, plan } = apply({ resource: resource("a", ["x"]), origin: "other.yaml:9" }, stored);
  assert.deepEqual([result, generation], ["unchanged", 3]);
  assert.deepEqual(plan.writes, []);
});

test("an object that was deleted and comes back begins anew over its tombstone", () => {
  const tombstone = {
    key: objectRecord(refOf(stored.resource)),
    sequence: 9,
    value: undefined,
    operations: [],
    epoch: 0,
  };
  const plan = planApply([{ resource: resource("a", ["x"]) }], () => ({ record: tombstone, value: undefined }), atMs);
  assert.equal(plan.results[0]?.result, "created");
  assert.equal(plan.writes[0]?.seen, tombstone);
});

test("a delete removes what is there and tells what was not", () => {
  const refs = ["a", "b"].map((name) => refOf(resource(name, [])));
  const plan = planDelete(refs, holding(stored));
  assert.deepEqual(
    plan.results.map(({ name, result }) => [name, result]),
    [
      ["a", "deleted"],
      ["b", "not-found"],
    ],
  );
  assert.deepEqual(
    plan.writes.map(({ value }) => value),
    [undefined],
  );
});
