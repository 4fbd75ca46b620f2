/** What `get` prints of workloads and services is what `compile` reads. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Endpoint, EndpointShard } from "../../src/model/endpoint.ts";
import { defaultTrustDomain, serviceAccountId } from "../../src/model/identity.ts";
import type { Locality, Namespace, ServiceRef } from "../../src/model/names.ts";
import { workloadName } from "../../src/model/names.ts";
import { protocolOfPortName } from "../../src/model/protocol.ts";
import type { LocalAddress, Workload } from "../../src/model/workload.ts";
import { parseOffline } from "../../src/resources/offline/parse.ts";
import { serviceDocument, workloadDocument } from "../../src/resources/offline/print.ts";
import { printYaml } from "../../src/resources/print.ts";

const label = fc.constantFrom("reviews", "a", "v1-2", "on", "123", "true");
const namespace = fc.constantFrom("default", "shop").map((text) => text as Namespace);
const number = fc.integer({ min: 1, max: 65_535 });
const address: fc.Arbitrary<LocalAddress> = fc.record({
  address: fc.constantFrom("127.0.0.1", "::1"),
  port: number,
});
const labels = fc.dictionary(fc.constantFrom("app", "version", "example.com/tier"), fc.constantFrom("v1", "on", ""));
const locality = fc.constantFrom("", "eu", "eu/z1").map((text) => text as Locality);
const service: fc.Arbitrary<ServiceRef> = fc.record({ name: label, namespace });
const portName = fc.constantFrom("http", "http-alt", "grpc-x", "tcp-echo", "tls", "other");

const base = {
  name: label,
  namespace,
  serviceAccount: label,
  locality,
  network: fc.constantFrom("", "n1"),
  host: label,
};

const sidecar: fc.Arbitrary<Workload> = fc
  .record({
    ...base,
    service: label,
    labels: labels.map((given) => ({ app: "x", ...given })),
    inbound: fc.array(fc.record({ name: portName, port: number, appPort: number, listen: address }), { maxLength: 3 }),
    outbound: address,
    upstreams: fc.array(fc.record({ service, port: number, listen: address }), { maxLength: 2 }),
  })
  .map((some) => ({
    ...some,
    role: "sidecar",
    service: { name: some.service, namespace: some.namespace },
    inbound: some.inbound.map((port) => ({ ...port, protocol: protocolOfPortName(port.name) })),
  }));

const gateway: fc.Arbitrary<Workload> = fc
  .record({
    ...base,
    labels: labels.map((given) => ({ role: "door", ...given })),
    eastWest: fc.boolean(),
    listeners: fc.dictionary(number.map(String), address, { maxKeys: 3 }),
  })
  .map((some) => ({ ...some, role: "gateway" }));

const endpoint = fc.record({
  address: fc.constantFrom("10.0.0.1", "::1"),
  health: fc.constantFrom("healthy" as const, "unhealthy" as const, "draining" as const),
  weight: fc.constantFrom(0, 1, 7),
  locality,
  network: fc.constantFrom("", "n1"),
  labels,
  account: fc.option(label),
});

const said = fc.array(endpoint, { maxLength: 3 }).map(plain);

type Said = typeof endpoint extends fc.Arbitrary<infer Value> ? Value : never;

/** One source's shard: what an agent says when its endpoints have accounts, else what the API was told. */
function shardOf(ref: ServiceRef, source: string, said: readonly Said[]): EndpointShard {
  const ports = [
    { name: "http", port: 80, protocol: "http" as const },
    { name: "odd", port: 81, protocol: "grpc" as const },
  ];
  return { service: ref, source, shard: 0, ports, endpoints: said.map((each, index) => endpointOf(ref, index, each)) };
}

function endpointOf(ref: ServiceRef, index: number, { account, ...said }: Said): Endpoint {
  const id = `e-${index}`;
  const shared = { ...said, id, ports: { http: 8080 } };
  if (account === null) return { ...shared, transport: "plaintext" };
  const identity = serviceAccountId(defaultTrustDomain, { namespace: ref.namespace, serviceAccount: account });
  return { ...shared, transport: "mtls", identity, workload: workloadName(id, ref.namespace) };
}

/** fast-check makes objects without a prototype, among others. */
function plain<Value>(value: Value): Value {
  return structuredClone(value);
}

test("a workload that was printed is read as it was", () => {
  fc.assert(
    fc.property(fc.oneof(sidecar, gateway).map(plain), (workload) => {
      const { workloads, problems } = parseOffline([{ text: printYaml([workloadDocument(workload)]) }]);
      assert.deepEqual(problems, []);
      assert.deepEqual(workloads, [workload]);
    }),
  );
});

test("a service that was printed is read as every source said it", () => {
  fc.assert(
    fc.property(service.map(plain), said, said, (ref, one, two) => {
      const shards = [shardOf(ref, "agent-h1", one), shardOf(ref, "api", two)];
      const read = parseOffline([{ text: printYaml([{ ...serviceDocument(ref, shards), status: { endpoints: 0 } }]) }]);
      assert.deepEqual(read.problems, []);
      assert.deepEqual(read.shards, shards);
    }),
  );
});

test("an endpoint that names its workload must name its account", () => {
  const { problems } = parseOffline([
    {
      file: "mesh.yaml",
      text: `apiVersion: networking.mesh.io/v1
kind: Service
metadata: {name: reviews}
spec: {endpoints: [{id: a, address: 10.0.0.1, workload: a.default}]}
`,
    },
  ]);
  assert.deepEqual(
    problems.map(({ code }) => code),
    ["MSH1504"],
  );
});

test("the time that a mesh says of an object is kept: the older of two wins a host", () => {
  const text = (when: string) => `apiVersion: security.mesh.io/v1
kind: PeerAuthentication
metadata: {name: default, creationTimestamp: ${when}}
`;
  const made = (when: string) => parseOffline([{ text: text(when) }]).resources.map(({ createdAtMs }) => createdAtMs);
  assert.deepEqual(made("2026-01-02T03:04:05.678Z"), [Date.UTC(2026, 0, 2, 3, 4, 5, 678)]);
  assert.deepEqual(made("null"), [undefined]);
  assert.deepEqual(made("yesterday"), [undefined]);
});
