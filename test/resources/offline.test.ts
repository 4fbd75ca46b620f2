import assert from "node:assert/strict";
import { test } from "node:test";
import { parseOffline } from "../../src/resources/offline/parse.ts";

function read(text: string) {
  return parseOffline([{ file: "mesh.yaml", text }]);
}

test("a short Workload document is a whole workload", () => {
  const { workloads, problems } = read(`
apiVersion: networking.mesh.io/v1
kind: Workload
metadata: {name: reviews-v1, namespace: shop, labels: {version: v1}}
spec:
  service: reviews
  ports: [{name: http, port: 80, appPort: 8080}, {name: tcp-admin, port: 81}]
  upstreams: [{service: db.data, port: 5432, listen: "127.0.0.1:5432"}]
`);
  assert.deepEqual(problems, []);
  assert.deepEqual(workloads, [
    {
      role: "sidecar",
      name: "reviews-v1",
      namespace: "shop",
      serviceAccount: "default",
      labels: { app: "reviews", version: "v1" },
      locality: "",
      network: "",
      host: "offline",
      service: { namespace: "shop", name: "reviews" },
      inbound: [
        { name: "http", port: 80, appPort: 8080, protocol: "http", listen: { address: "127.0.0.1", port: 15_006 } },
        { name: "tcp-admin", port: 81, appPort: 81, protocol: "tcp", listen: { address: "127.0.0.1", port: 15_007 } },
      ],
      outbound: { address: "127.0.0.1", port: 15_001 },
      upstreams: [
        { service: { namespace: "data", name: "db" }, port: 5432, listen: { address: "127.0.0.1", port: 5432 } },
      ],
    },
  ]);
});

test("a gateway has listeners", () => {
  const { workloads } = read(
    'apiVersion: networking.mesh.io/v1\nkind: Workload\nmetadata: {name: in}\nspec: {role: gateway, listeners: {80: "[::1]:8080"}}\n',
  );
  const [one] = workloads;
  assert.ok(one?.role === "gateway");
  assert.deepEqual([one.labels, one.listeners], [{ istio: "ingressgateway" }, { 80: { address: "::1", port: 8080 } }]);
});

test("a Service document says ports and endpoints, of one source or several; the rest of the files is read as ever", () => {
  const { shards, resources, ignored, problems } = read(`
apiVersion: networking.mesh.io/v1
kind: Service
metadata: {name: reviews}
spec:
  ports: [{name: http, port: 80}]
  endpoints: [{id: a, address: 10.0.0.1}]
  sources:
    - {source: east, ports: [{name: http, port: 80}], endpoints: [{id: a, address: 10.0.1.1}]}
---
apiVersion: security.mesh.io/v1
kind: PeerAuthentication
metadata: {name: default}
---
apiVersion: v1
kind: Service
metadata: {name: reviews}
`);
  assert.deepEqual(
    problems.map(({ code }) => code),
    ["MSH1102"],
  );
  assert.deepEqual(
    shards.map(({ service, source, shard, endpoints }) => [
      service.name,
      source,
      shard,
      endpoints.map(({ address }) => address),
    ]),
    [
      ["reviews", "api", 0, ["10.0.0.1"]],
      ["reviews", "east", 0, ["10.0.1.1"]],
    ],
  );
  assert.deepEqual([resources.length, ignored.length], [1, 1]);
});

test("what is wrong in such a document has its place", () => {
  const { problems, workloads, shards } = read(`
apiVersion: networking.mesh.io/v1
kind: Workload
metadata: {name: w}
spec: {ports: [{name: http, prot: 80}]}
---
apiVersion: networking.mesh.io/v1
kind: Service
metadata: {name: s}
spec:
  ports: [{name: http, port: 80}]
  endpoints:
    - {id: a, address: nowhere}
`);
  assert.deepEqual(
    problems.map(({ code, position, field }) => [code, position?.line, field]),
    [
      ["MSH1201", 5, "spec.ports[0].prot"],
      ["MSH1204", 5, "spec.ports[0].port"],
      ["MSH1207", 13, "spec.endpoints[0].address"],
    ],
  );
  assert.deepEqual([workloads, shards], [[], []]);
});
