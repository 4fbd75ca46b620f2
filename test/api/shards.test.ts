import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { planShards, type SourceSet } from "../../src/api/endpoints/plan.ts";
import type { Seen } from "../../src/api/ports.ts";
import type { Endpoint, EndpointShard } from "../../src/model/endpoint.ts";
import type { Locality, Namespace } from "../../src/model/names.ts";
import { limits } from "../../src/platform/limits.ts";
import { shardRecord } from "../../src/store/keys.ts";
import type { StoreRecord } from "../../src/store/store.ts";

const service = { namespace: "default" as Namespace, name: "reviews" };
const ports = [{ name: "http", port: 80, protocol: "http" }] as const;

function endpoint(id: string, weight = 1): Endpoint {
  const common = {
    locality: "" as Locality,
    network: "",
    labels: {},
    health: "healthy",
    transport: "plaintext",
  } as const;
  return { id, address: "127.0.0.1", ports: { http: 8080 }, weight, ...common };
}

function setOf(endpoints: readonly Endpoint[], servicePorts: SourceSet["ports"] = ports): SourceSet {
  return { service, source: "api", ports: servicePorts, endpoints };
}

/** The shards after the plan was written. */
function write(seen: readonly Seen<EndpointShard>[], set: SourceSet): readonly Seen<EndpointShard>[] {
  const after = [...seen];
  for (const { key, value } of planShards(set, seen)) {
    const shard = Number(key.split(".").at(-1));
    const record: StoreRecord = { key, sequence: 1, value, operations: [], epoch: 0 };
    after[shard] = { record, value: value as EndpointShard | undefined };
  }
  return after;
}

const idsIn = (seen: readonly Seen<EndpointShard>[]): string[] =>
  seen.flatMap(({ value }) => value?.endpoints ?? []).map(({ id }) => id);

test("one changed endpoint of a thousand rewrites one record", () => {
  const many = Array.from({ length: 1_000 }, (_, index) => endpoint(`e${index}`));
  const before = write([], setOf(many));
  const changed = many.map((one) => (one.id === "e500" ? endpoint("e500", 7) : one));

  const plan = planShards(setOf(changed), before);

  assert.deepEqual(
    plan.map(({ key }) => key),
    [shardRecord(service, "api", 3)],
  );
});

test("an endpoint that goes moves no other", () => {
  const many = Array.from({ length: 300 }, (_, index) => endpoint(`e${index}`));
  const before = write([], setOf(many));
  assert.equal(planShards(setOf(many.slice(1)), before).length, 1);
});

test("without endpoints the ports are still said; without either nothing is", () => {
  const before = write([], setOf([endpoint("a")]));
  const emptied = write(before, setOf([]));
  assert.deepEqual(emptied[0]?.value, { service, source: "api", shard: 0, ports, endpoints: [] });
  const gone = write(emptied, setOf([], []));
  assert.equal(gone[0]?.value, undefined);
  assert.deepEqual(planShards(setOf([], []), gone), []);
});

test("whatever sets follow each other, the shards hold the last one, each within its limit", () => {
  const ids = fc.uniqueArray(fc.integer({ min: 0, max: 600 }), { maxLength: 600 });
  fc.assert(
    fc.property(fc.array(ids, { minLength: 1, maxLength: 5 }), (sets) => {
      let seen: readonly Seen<EndpointShard>[] = [];
      for (const set of sets) seen = write(seen, setOf(set.map((id) => endpoint(`e${id}`))));
      const last = sets.at(-1) ?? [];
      assert.deepEqual(idsIn(seen).sort(), last.map((id) => `e${id}`).sort());
      for (const { value } of seen) assert.ok((value?.endpoints.length ?? 0) <= limits.endpointsPerShard);
      assert.deepEqual(planShards(setOf(last.map((id) => endpoint(`e${id}`))), seen), []);
    }),
    { numRuns: 50 },
  );
});
