/** What is said of a service in plain words: what a change of it computes again, and that its order says nothing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Compiler } from "../../src/compile/compiler.ts";
import { compileOnce } from "../../src/compile/once.ts";
import type { MeshObject } from "../../src/model/object.ts";
import { endpoint, hostOf, ns, setObject, setShard, setWorkload, shard, sidecar } from "./mesh.ts";

const services = ["a", "b", "c"];
const server = sidecar("a", "default", {
  inbound: [{ name: "http", port: 80, appPort: 8080, protocol: "http", listen: { address: "127.0.0.1", port: 1 } }],
});

function meshWithCaller(): Compiler {
  const compiler = new Compiler();
  const shards = services.map((name) => setShard(shard(name, [endpoint("1")])));
  compiler.update([...shards, setWorkload(sidecar("client")), setWorkload(server)]);
  return compiler;
}

const base = { namespace: ns("default"), name: "one", createdAt: 1 };
const of = (name: string) => ({ ...base, service: { namespace: ns("default"), name } });
const breaker = (name: string, maxConnections: number): MeshObject & { readonly kind: "CircuitBreaker" } => ({
  kind: "CircuitBreaker",
  ...of(name),
  settings: { connectionPool: { maxConnections } },
});
const policy: MeshObject = {
  kind: "TrafficPolicy",
  ...of("a"),
  settings: { connectionPool: { maxConnections: 3, maxRetries: 1 } },
  routes: { timeoutMs: 5 },
};
const fault: MeshObject = { kind: "FaultInjection", ...of("b"), fault: { abort: { status: 500, percent: 1 } } };
const rateLimit: MeshObject = {
  kind: "RateLimitPolicy",
  ...of("a"),
  limit: {
    limits: [{ headers: {}, bucket: { maxTokens: 1, tokensPerFill: 1, fillIntervalMs: 50 } }],
    status: 429,
    responseHeaders: {},
    tellsLeft: false,
  },
};

function changedBy(compiler: Compiler, object: MeshObject): readonly string[] {
  const changes = compiler.update([setObject(object)]);
  return changes.flatMap(({ layer, set }) => set.map(({ type, name }) => `${layer}: ${type} ${name}`));
}

test("each changes what it is about, and of its service alone", () => {
  const compiler = meshWithCaller();
  const ran = (kind: string): number => compiler.recomputed.get(kind) ?? 0;
  const [clusters, hosts] = [ran("clusters"), ran("hosts")];

  assert.deepEqual(changedBy(compiler, breaker("b", 1)), [`clusters/mesh: cluster outbound|80||${hostOf("b")}`]);
  assert.deepEqual([ran("clusters") - clusters, ran("hosts") - hosts], [1, 0]);

  assert.deepEqual(changedBy(compiler, fault), ["routes/ns/default: route outbound"]);
  assert.equal(ran("clusters") - clusters, 1);

  const own = ran("own");
  assert.deepEqual(changedBy(compiler, rateLimit), ["own/a.default: route inbound_80"]);
  assert.equal(ran("own") - own, 1);
});

test("of two of one kind the older holds, whichever came first", () => {
  const younger = { ...breaker("a", 2), name: "two", createdAt: 2 };
  const given = [breaker("a", 1), younger, policy, fault, rateLimit];
  const shards = services.map((name) => shard(name, [endpoint("1")]));
  const contents = { workloads: [server], shards };
  const compiled = compileOnce({ ...contents, objects: given }, server);
  assert.deepEqual(compileOnce({ ...contents, objects: given.toReversed() }, server), compiled);
  const cluster = compiled.items.find(({ name }) => name === `outbound|80||${hostOf("a")}`);
  assert.ok(cluster?.type === "cluster");
  assert.deepEqual(cluster.pool, { maxConnections: 1, maxRetries: 1 });
});

test("when it goes, what it said goes", () => {
  const compiler = meshWithCaller();
  const layers = compiler.layersOf(server);
  const before = layers.map((layer) => compiler.items(layer));
  const objects = [breaker("b", 1), policy, fault, rateLimit];
  compiler.update(objects.map(setObject));
  compiler.update(
    objects.map(({ kind, namespace, name }) => ({ kind: "object-removed", ref: { kind, namespace, name } })),
  );
  assert.deepEqual(
    layers.map((layer) => compiler.items(layer)),
    before,
  );
});
