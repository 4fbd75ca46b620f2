import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { assignmentOf } from "../../src/compile/assignments.ts";
import { mergeShards } from "../../src/compile/merge.ts";
import type { EndpointShard } from "../../src/model/endpoint.ts";
import { endpoint, hostOf, shard } from "./mesh.ts";

const anyEndpoint = fc.record({
  id: fc.integer({ min: 0, max: 5 }).map(String),
  health: fc.constantFrom("healthy" as const, "unhealthy" as const, "draining" as const),
  weight: fc.nat(3),
});

const anyShards: fc.Arbitrary<readonly EndpointShard[]> = fc.uniqueArray(
  fc
    .record({
      source: fc.constantFrom("api", "agent-a", "agent-b"),
      shard: fc.nat(2),
      portNames: fc.subarray(["http:80", "web:80", "tcp-x:90"], { minLength: 1 }),
      endpoints: fc.array(anyEndpoint, { maxLength: 4 }),
    })
    .map(({ source, shard: number, portNames, endpoints }) =>
      shard(
        "reviews",
        endpoints.map(({ id, ...rest }) => endpoint(id, { ...rest, ports: { http: 1, web: 2, "tcp-x": 3 } })),
        { source, shard: number, portNames },
      ),
    ),
  { selector: ({ source, shard: number }) => `${source}${number}`, maxLength: 6 },
);

test("the order in which shards are known does not matter", () => {
  fc.assert(
    fc.property(
      anyShards.chain((shards) =>
        fc.tuple(fc.constant(shards), fc.shuffledSubarray([...shards], { minLength: shards.length })),
      ),
      ([shards, shuffled]) => {
        assert.deepEqual(mergeShards(shuffled), mergeShards(shards));
      },
    ),
  );
});

test("every endpoint and every port of every source is in the service", () => {
  fc.assert(
    fc.property(anyShards, (shards) => {
      const { ports, endpoints } = mergeShards(shards);
      const said = new Set(shards.flatMap((each) => each.endpoints.map(({ id }) => `${each.source} ${id}`)));
      assert.deepEqual(new Set(endpoints.map(({ source, id }) => `${source} ${id}`)), said);
      assert.deepEqual(
        new Set(ports.map(({ port }) => port)),
        new Set(shards.flatMap((each) => each.ports.map(({ port }) => port))),
      );
    }),
  );
});

test("what was merged before changes nothing, and is kept where it says the same", () => {
  fc.assert(
    fc.property(anyShards, anyShards, (shards, others) => {
      const before = mergeShards(others).endpoints;
      assert.deepEqual(
        mergeShards(shards, () => undefined, before),
        mergeShards(shards),
      );
    }),
  );
  const said = (address: string) => [shard("reviews", [endpoint("1"), endpoint("2", { address })])];
  const before = mergeShards(said("10.0.0.2")).endpoints;
  const [kept, changed] = mergeShards(said("10.0.0.3"), () => undefined, before).endpoints;
  assert.equal(kept, before[0]);
  assert.equal(changed?.address, "10.0.0.3");
  assert.equal(changed?.ports, before[1]?.ports);
});

test("a port name is its source's own: the number joins them", () => {
  const shards = [
    shard("reviews", [endpoint("1", { ports: { http: 8080 } })], { source: "a", portNames: ["http:80"] }),
    shard("reviews", [endpoint("2", { ports: { web: 9090, http: 1 } })], {
      source: "b",
      portNames: ["web:80", "http:81"],
    }),
  ];
  const targets = mergeShards(shards).endpoints.map(({ ports }) => ports[80]);
  assert.deepEqual(targets, [8080, 9090]);
});

const subset = { name: "", labels: {} };
const input = {
  host: hostOf("reviews"),
  port: 80,
  subset,
  plaintext: new Set<string>(),
  unreachable: new Set<string>(),
};

test("an address that two sources know is one endpoint, as healthy as the better says", () => {
  const { endpoints } = mergeShards([
    shard("reviews", [endpoint("1", { health: "unhealthy" })], { source: "a" }),
    shard("reviews", [endpoint("1", { health: "draining" })], { source: "b" }),
  ]);
  const [locality] = assignmentOf({ ...input, endpoints }).localities;
  assert.deepEqual(
    locality?.endpoints.map(({ health }) => health),
    ["draining"],
  );
});

test("weights whose sum would pass 32 bits are scaled, and none becomes nothing", () => {
  const many = Array.from({ length: 5_000 }, (_, index) =>
    endpoint(String(index), { address: `10.1.${index >> 8}.${index & 255}`, weight: index === 0 ? 1 : 1_000_000 }),
  );
  const { endpoints } = mergeShards([shard("reviews", many)]);
  const weights = assignmentOf({ ...input, endpoints }).localities[0]?.endpoints.map(({ weight }) => weight) ?? [];
  assert.equal(weights.length, 5_000);
  assert.ok(weights.reduce((sum, weight) => sum + weight, 0) <= 2 ** 32 - 1);
  assert.ok(Math.min(...weights) >= 1);
});
