import assert from "node:assert/strict";
import { test } from "node:test";
import type { TrustDomain } from "../../src/model/identity.ts";
import type { Namespace } from "../../src/model/names.ts";
import { limits } from "../../src/platform/limits.ts";
import { cutShards, parseEndpoints } from "../../src/resources/endpoints/parse.ts";
import { brief } from "./support/reading.ts";

const of = { service: { namespace: "shop" as Namespace, name: "reviews" }, source: "api" };
const ports = [
  { name: "http", port: 80 },
  { name: "db", port: 5432, protocol: "TCP" },
];

function read(body: unknown) {
  return parseEndpoints(typeof body === "string" ? body : JSON.stringify(body), of);
}

test("a short body is enough: what is left out has its default", () => {
  const { set, problems } = read({ ports, endpoints: [{ id: "a", address: "10.0.0.1" }] });
  assert.deepEqual(problems, []);
  assert.deepEqual(set, {
    ...of,
    ports: [
      { name: "http", port: 80, protocol: "http" },
      { name: "db", port: 5432, protocol: "tcp" },
    ],
    endpoints: [
      {
        id: "a",
        address: "10.0.0.1",
        ports: { http: 80, db: 5432 },
        health: "healthy",
        weight: 1,
        locality: "",
        network: "",
        labels: {},
        transport: "plaintext",
      },
    ],
  });
});

test("a whole body, as the contract has it", () => {
  const whole = {
    id: "b",
    address: "2001:db8::1",
    ports: { http: 8080 },
    health: "draining",
    weight: 0,
    locality: "eu/a",
    network: "vpc",
    labels: { version: "v1" },
    serviceAccount: "reviews",
  };
  const [one] = read({ ports, endpoints: [whole] }).set?.endpoints ?? [];
  const { serviceAccount: _, ...said } = whole;
  assert.deepEqual(one, { ...said, transport: "plaintext" });
});

test("mTLS is spoken to who says that a sidecar answers, and then its account is its identity", () => {
  for (const labels of [{ "security.istio.io/tlsMode": "istio" }, { "security.mesh.io/tlsMode": "mesh" }]) {
    const body = JSON.stringify({ ports, endpoints: [{ id: "a", address: "10.0.0.1", labels, serviceAccount: "sa" }] });
    const [one] = parseEndpoints(body, { ...of, trustDomain: "east.example" as TrustDomain }).set?.endpoints ?? [];
    assert.deepEqual([one?.transport, one?.identity], ["mtls", "spiffe://east.example/ns/shop/sa/sa"]);
    const bare = read({ ports, endpoints: [{ id: "a", address: "10.0.0.1", labels }] });
    assert.deepEqual(
      [bare.set, bare.problems.map(({ code, field }) => `${code} ${field}`)],
      [undefined, ["MSH1504 endpoints[0]"]],
    );
  }
  const dotted = {
    id: "a",
    address: "10.0.0.1",
    labels: { "security.istio.io/tlsMode": "istio" },
    serviceAccount: "a.b",
  };
  assert.equal(
    read({ ports, endpoints: [dotted] }).set?.endpoints[0]?.identity,
    "spiffe://cluster.local/ns/shop/sa/a.b",
  );
  const other = read({
    ports,
    endpoints: [{ id: "a", address: "10.0.0.1", labels: { "security.istio.io/tlsMode": "disabled" } }],
  });
  assert.equal(other.set?.endpoints[0]?.transport, "plaintext");
});

test("what is wrong is named by its field", () => {
  const endpoint = (change: object) => ({ ports, endpoints: [{ id: "a", address: "10.0.0.1", ...change }] });
  const cases: readonly [unknown, string][] = [
    [endpoint({ address: "reviews.example.com" }), "MSH1207 endpoints[0].address"],
    [endpoint({ address: "10.0.0.1:80" }), "MSH1207 endpoints[0].address"],
    [endpoint({ ports: { htp: 80 } }), "MSH1501 endpoints[0].ports.htp"],
    [endpoint({ ports: { http: 0 } }), "MSH1206 endpoints[0].ports.http"],
    [endpoint({ health: "ok" }), "MSH1205 endpoints[0].health"],
    [endpoint({ weight: -1 }), "MSH1206 endpoints[0].weight"],
    [endpoint({ weight: "1" }), "MSH1203 endpoints[0].weight"],
    [endpoint({ locality: "a/b/c" }), "MSH1207 endpoints[0].locality"],
    [endpoint({ labels: { "a b": "c" } }), 'MSH1207 endpoints[0].labels["a b"]'],
    [endpoint({ lables: {} }), "MSH1201 endpoints[0].lables"],
    [endpoint({ id: "" }), "MSH1207 endpoints[0].id"],
    [{ ports: [{ name: "x", port: 80, protocol: "quic" }] }, "MSH1505 ports[0].protocol"],
    [{ ports: [...ports, { name: "http", port: 81 }] }, "MSH1502 ports[2].name"],
    [{ ports: [...ports, { name: "web", port: 80 }] }, "MSH1502 ports[2].port"],
    [{ ports, endpoints: [1] }, "MSH1203 endpoints[0]"],
    [[], "MSH1203 "],
    ["{", "MSH1002 "],
    ['{"ports":'.repeat(1_000), "MSH1003 "],
    ["[".repeat(1_000_000), "MSH1003 "],
    ['{"__proto__": {"x": 1}}', "MSH1201 __proto__"],
  ];
  for (const [body, start] of cases) {
    const { set, problems } = read(body);
    assert.equal(set, undefined);
    assert.ok(brief(problems)[0]?.startsWith(`${start}:`), `${start}: ${brief(problems)}`);
  }
  const twice = read({ ports, endpoints: [1, 2].map(() => ({ id: "a", address: "10.0.0.1" })) });
  assert.deepEqual([twice.set, twice.problems.map(({ code }) => code)], [undefined, ["MSH1502"]]);
});

test("as many endpoints as the limit are taken and cut into records; one more is refused with the figure", () => {
  const many = (count: number) =>
    read({ ports, endpoints: Array.from({ length: count }, (_, index) => ({ id: `e${index}`, address: "10.0.0.1" })) });
  const { set } = many(limits.endpointsPerService);
  assert.ok(set);
  const shards = cutShards(set);
  assert.equal(shards.length, Math.ceil(limits.endpointsPerService / limits.endpointsPerShard));
  assert.ok(
    shards.every(
      ({ endpoints }, index) => endpoints.length <= limits.endpointsPerShard && shards[index]?.shard === index,
    ),
  );
  assert.deepEqual(
    shards.flatMap(({ endpoints }) => endpoints),
    set.endpoints,
  );
  assert.equal(cutShards({ ...set, endpoints: [] }).length, 1);
  assert.match(
    many(limits.endpointsPerService + 1).problems[0]?.message ?? "",
    new RegExp(String(limits.endpointsPerService)),
  );
});
