import assert from "node:assert/strict";
import { test } from "node:test";
import { gatewayPorts } from "../../src/api/agents/gateway_ports.ts";
import { admitWorkloads, claimsOf, sourceSet, withoutConflicts } from "../../src/api/agents/plan.ts";
import { defaultTrustDomain } from "../../src/model/identity.ts";
import type { Locality, Namespace } from "../../src/model/names.ts";
import { protocolOfPortName } from "../../src/model/protocol.ts";
import type { SidecarWorkload, Workload } from "../../src/model/workload.ts";

const namespace = "default" as Namespace;

function sidecar(name: string, ports: readonly (readonly [string, number])[], host = "h1"): SidecarWorkload {
  const inbound = ports.map(([portName, port], index) => ({
    name: portName,
    port,
    appPort: 9_000 + index,
    protocol: protocolOfPortName(portName),
    listen: { address: "127.0.0.1", port: 20_000 + port + index },
  }));
  return {
    role: "sidecar",
    name,
    namespace,
    serviceAccount: "default",
    labels: { app: "reviews", version: name },
    locality: "eu/a" as Locality,
    network: "",
    host,
    service: { namespace, name: "reviews" },
    inbound,
    outbound: { address: "127.0.0.1", port: 15_001 },
    upstreams: [],
  };
}

const item = (workload: Workload, serving = true) => ({ workload, serving, health: "healthy" as const });
const nobodyKnown = (): boolean => false;
const nothing = { record: undefined, value: undefined };

test("an agent speaks for its own host only, and for each name once", () => {
  const set = { workloads: [sidecar("a", []), sidecar("a", []), sidecar("b", [], "h2")].map((one) => item(one)) };
  const view = { hostName: "h1", lookup: () => nothing, isLive: () => true };
  const { items, refused } = admitWorkloads(set, view);
  assert.equal(items.length, 1);
  assert.deepEqual(
    refused.map(({ workload, code }) => [workload, code]),
    [
      ["a.default", "duplicate-name"],
      ["b.default", "not-your-host"],
    ],
  );
});

test("a name is taken from a host that is gone, never from one that lives", () => {
  const set = { workloads: [item(sidecar("a", []))] };
  const lookup = () => ({ record: undefined, value: sidecar("a", [], "h2") });
  const codes = (live: boolean): readonly string[] =>
    admitWorkloads(set, { hostName: "h1", lookup, isLive: () => live }).refused.map(({ code }) => code);
  assert.deepEqual(codes(true), ["name-taken"]);
  assert.deepEqual(codes(false), []);
});

test("a service's ports are the union of its workloads'", () => {
  const [claim] = claimsOf([item(sidecar("v1", [["http", 80]])), item(sidecar("v2", [["grpc", 90]]))], nobodyKnown);
  assert.deepEqual(claim?.ports, [
    { name: "http", port: 80, protocol: "http" },
    { name: "grpc", port: 90, protocol: "grpc" },
  ]);
});

test("of two protocols for one port the registered workload's stays, whoever is named first", () => {
  const old = sidecar("old", [["http", 80]]);
  const young = sidecar("young", [["tcp", 80]]);
  const [claim] = claimsOf([item(young), item(old)], (workload) => workload === old);
  assert.deepEqual(
    claim?.refused.map(({ workload, code }) => [workload, code]),
    [["young.default", "port-protocol-conflict"]],
  );
  assert.deepEqual(
    claim?.items.map(({ workload }) => workload.name),
    ["old"],
  );
});

test("one name with two numbers is two ports, and each endpoint answers at its own", () => {
  const [claim] = claimsOf([item(sidecar("v1", [["http", 80]])), item(sidecar("v2", [["http", 8080]]))], nobodyKnown);
  assert.ok(claim);
  const { ports, endpoints } = sourceSet(claim, "agent-h1", defaultTrustDomain);
  assert.deepEqual(
    ports.map(({ name, port }) => [name, port]),
    [
      ["http", 80],
      ["http-8080", 8080],
    ],
  );
  assert.deepEqual(
    endpoints.map((endpoint) => endpoint.ports),
    [{ http: 20_080 }, { "http-8080": 28_080 }],
  );
});

test("what another host claims otherwise takes only the clashing workloads out", () => {
  const [claim] = claimsOf([item(sidecar("v1", [["http", 80]])), item(sidecar("v2", [["grpc", 90]]))], nobodyKnown);
  assert.ok(claim);
  const rest = withoutConflicts(claim, [{ port: 80, because: "tcp, claimed by agent-h2" }]);
  assert.deepEqual(
    rest.ports.map(({ port }) => port),
    [90],
  );
  assert.match(rest.refused[0]?.message ?? "", /port 80 .*agent-h2/);
});

test("a workload that serves is an endpoint with its identity; one that does not yet only has its ports known", () => {
  const [claim] = claimsOf(
    [item(sidecar("v1", [["http", 80]])), item(sidecar("v2", [["http", 80]]), false)],
    nobodyKnown,
  );
  assert.ok(claim);
  const { endpoints } = sourceSet(claim, "agent-h1", defaultTrustDomain);
  assert.deepEqual(endpoints, [
    {
      id: "v1",
      address: "127.0.0.1",
      ports: { http: 20_080 },
      health: "healthy",
      weight: 1,
      locality: "eu/a",
      network: "",
      labels: { app: "reviews", version: "v1" },
      transport: "mtls",
      identity: "spiffe://cluster.local/ns/default/sa/default",
      workload: "v1.default",
    },
  ]);
});

test("a gateway is asked for the ports of the Gateways whose selector it carries", () => {
  const { service: _s, inbound: _i, outbound: _o, upstreams: _u, ...base } = sidecar("edge", []);
  const workload: Workload = {
    ...base,
    role: "gateway",
    labels: { istio: "ingressgateway" },
    eastWest: false,
    listeners: {},
  };
  const gateway = (labels: Record<string, string>, ...numbers: readonly number[]) => ({
    namespace,
    name: "g",
    selector: { labels },
    servers: numbers.map((number) => ({
      port: { number, name: "http" },
      hosts: [],
      serves: { kind: "http", redirect: false } as const,
    })),
    createdAt: 0,
  });
  const gateways = [
    gateway({ istio: "ingressgateway" }, 8080, 80),
    gateway({ istio: "ingressgateway" }, 80),
    gateway({ istio: "other" }, 9090),
  ];
  assert.deepEqual(gatewayPorts([workload, sidecar("a", [])], gateways), { "edge.default": [80, 8080] });
});
