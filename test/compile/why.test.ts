/** Which table a request meets, and what is told of the clusters that it leads to. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { compileOnce } from "../../src/compile/once.ts";
import { explain } from "../../src/compile/why.ts";
import { httpRequestFrom } from "../../src/model/http_request.ts";
import type { Workload } from "../../src/model/workload.ts";
import { toModel } from "../../src/resources/to_model.ts";
import { parseGood } from "../resources/support/reading.ts";
import { endpoint, gatewayWorkload, shard, sidecar } from "./mesh.ts";

const client = sidecar("client");
const gateway = gatewayWorkload("ingress", {
  labels: { istio: "ingressgateway" },
  listeners: { 80: { address: "127.0.0.1", port: 20_080 }, 443: { address: "127.0.0.1", port: 20_443 } },
});

const text = `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: front}
spec:
  selector: {istio: ingressgateway}
  servers:
    - {port: {number: 80, name: http, protocol: HTTP}, hosts: ["*.example.com"]}
    - port: {number: 443, name: https-wide, protocol: HTTPS}
      hosts: ["*.example.com"]
      tls: {mode: SIMPLE, serverCertificate: /a.pem, privateKey: /a.key}
    - port: {number: 443, name: https-a, protocol: HTTPS}
      hosts: [a.example.com]
      tls: {mode: SIMPLE, serverCertificate: /b.pem, privateKey: /b.key}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop}
spec:
  hosts: [a.example.com, b.example.com]
  gateways: [front]
  http:
    - match: [{uri: {prefix: /gone}}]
      route: [{destination: {host: nobody}}]
    - route: [{destination: {host: reviews}}]
`;
const endpoints = [endpoint("1"), endpoint("2", { health: "unhealthy" }), endpoint("3", { health: "draining" })];
const contents = {
  objects: parseGood(text).map(({ resource }, at) => toModel({ resource, generation: 1, createdAtMs: at })),
  workloads: [],
  shards: [shard("reviews", endpoints, { portNames: ["http:9080"] })],
};

function why(workload: Workload, url: string) {
  const request = httpRequestFrom({ method: "GET", url, headers: [] });
  assert.ok(typeof request !== "string");
  return explain(compileOnce(contents, workload).compiler, workload, request);
}

test("a gateway's port and, in TLS, the most specific name say which table", () => {
  for (const url of ["http://a.example.com/", "https://a.example.com/", "https://b.example.com/"]) {
    const { decision, madeBy } = why(gateway, url);
    assert.ok(decision?.kind === "route" && madeBy?.maker.kind === "object", url);
    assert.deepEqual(madeBy.maker.part.path, ["spec", "http", 1]);
    assert.match(decision.virtualHost, /^[ab]\.example\.com:(80|443)$/);
  }
  assert.equal(why(gateway, "http://a.example.com:8080/").decision, undefined);
  assert.equal(why(gateway, "https://a.example.org/").decision, undefined);
  assert.equal(why(client, "https://reviews:9080/").decision, undefined);
});

test("a cluster that is not there is told, and endpoints are counted by health", () => {
  const { clusters } = why(client, "http://reviews:9080/");
  assert.deepEqual(clusters.get("outbound|9080||reviews.default.svc.cluster.local"), {
    exists: true,
    endpoints: { healthy: 1, unhealthy: 1, draining: 1 },
    madeBy: { declaredBy: [], settings: [] },
  });
  const [gone] = why(gateway, "http://b.example.com/gone").clusters.values();
  assert.equal(gone?.exists, false);
});
