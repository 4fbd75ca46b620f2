import assert from "node:assert/strict";
import { test } from "node:test";
import { type Directory, Fleet, type ProxyCounts } from "../../src/telemetry/fleet.ts";
import { ManualClock } from "../support/manual_clock.ts";

const directory: Directory = {
  workload: (name) => {
    const [service = "", namespace = ""] = name.split(".");
    return { service, namespace, version: "v1", role: "sidecar" };
  },
  endpoint: (_cluster, endpoint) => ({
    service: "reviews",
    namespace: "default",
    version: endpoint.endsWith(":1") ? "v1" : "v2",
  }),
};

function counts(edges: readonly [endpoint: string, requests: number, errors: number][], more = {}): ProxyCounts {
  return {
    workload: "productpage.default",
    envoyStarts: 1,
    warming: 0,
    edges: edges.map(([endpoint, requests, errors]) => ({
      cluster: "outbound|9080||reviews",
      endpoint,
      requests,
      errors,
    })),
    handshakes: { "outbound|9080||reviews": { tls: 2, connections: 2 } },
    inbound: { requests: 0, errors5xx: 0, denied: 0 },
    ...more,
  };
}

test("an edge has the rate, the success and the split over versions of its window", async () => {
  const clock = new ManualClock();
  const fleet = new Fleet(clock, directory);
  fleet.report(
    counts([
      ["a:1", 100, 0],
      ["a:2", 0, 0],
    ]),
  );
  await clock.advance(2_000);
  fleet.report(
    counts([
      ["a:1", 120, 5],
      ["a:2", 10, 0],
    ]),
  );
  const edges = fleet.topology().edges.map((edge) => [edge.toVersion, edge.requestsPerSecond, edge.successRate]);
  assert.deepEqual(edges, [
    ["v1", 10, 0.75],
    ["v2", 5, 1],
  ]);
});

test("an Envoy that started again counts from nothing, and its total goes on", async () => {
  const clock = new ManualClock();
  const fleet = new Fleet(clock, directory);
  fleet.report(counts([["a:1", 100, 0]]));
  await clock.advance(2_000);
  fleet.report(counts([["a:1", 4, 0]]));
  const [edge] = fleet.topology().edges;
  assert.equal(edge?.requests, 104);
  assert.equal(edge?.requestsPerSecond, 2);
});

test("the newest connections say whether an edge is mTLS", async () => {
  const clock = new ManualClock();
  const fleet = new Fleet(clock, directory);
  const cluster = "outbound|9080||reviews";
  const seen = [];
  for (const handshakes of [
    { tls: 0, connections: 2 },
    { tls: 0, connections: 2 },
    { tls: 2, connections: 4 },
    { tls: 2, connections: 4 },
    { tls: 3, connections: 6 },
    { tls: 4, connections: 9 },
    { tls: 5, connections: 12 },
  ]) {
    fleet.report(counts([["a:1", 1, 0]], { handshakes: { [cluster]: handshakes } }));
    seen.push(fleet.topology().edges[0]?.security);
    await clock.advance(2_000);
  }
  assert.deepEqual(seen, ["unknown", "plaintext", "mtls", "mtls", "mtls", "mtls", "mixed"]);
});

test("a connection in the middle of its handshake, or whose handshake fails, is not in the clear", async () => {
  const clock = new ManualClock();
  const fleet = new Fleet(clock, directory);
  const cluster = "outbound|9080||reviews";
  const seen = [];
  for (const handshakes of [
    { tls: 0, connections: 1 },
    { tls: 2, connections: 3 },
    { tls: 3, connections: 3 },
    // One is in its handshake, and fails: what has failed is not counted.
    { tls: 3, connections: 4 },
    { tls: 3, connections: 3 },
    { tls: 4, connections: 5 },
  ]) {
    fleet.report(counts([["a:1", 1, 0]], { handshakes: { [cluster]: handshakes } }));
    seen.push(fleet.topology().edges[0]?.security);
    await clock.advance(2_000);
  }
  assert.deepEqual(seen, ["unknown", "mtls", "mtls", "mtls", "mtls", "mtls"]);
});

test("a proxy that is reported no more is forgotten", async () => {
  const clock = new ManualClock();
  const fleet = new Fleet(clock, directory);
  fleet.report(counts([["a:1", 1, 0]]));
  assert.equal(fleet.topology().nodes.length, 1);
  await clock.advance(31_000);
  assert.deepEqual(fleet.topology().nodes, []);
});
