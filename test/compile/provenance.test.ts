/** What made a route and a cluster's settings, and that it is told of the input as it is now. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Compiler } from "../../src/compile/compiler.ts";
import { decide } from "../../src/compile/interpret.ts";
import { gatewayName, outboundName } from "../../src/compile/naming.ts";
import { compileOnce } from "../../src/compile/once.ts";
import type { Part, RouteMaker, RouteProvenance } from "../../src/compile/provenance.ts";
import type { MeshObject } from "../../src/model/object.ts";
import type { Workload } from "../../src/model/workload.ts";
import { printPath } from "../../src/resources/document/node.ts";
import { toModel } from "../../src/resources/to_model.ts";
import { compileCase, goldenCases } from "../golden/cases.ts";
import { parseGood } from "../resources/support/reading.ts";
import { endpoint, gatewayWorkload, recomputedBy, setObject, setShard, setWorkload, shard, sidecar } from "./mesh.ts";

const client = sidecar("client");
const gateway = gatewayWorkload("ingress", {
  labels: { istio: "ingressgateway" },
  listeners: { 80: { address: "127.0.0.1", port: 20_080 }, 443: { address: "127.0.0.1", port: 20_443 } },
});

function objectsIn(text: string): readonly MeshObject[] {
  return parseGood(text).map(({ resource }, at) => toModel({ resource, generation: 1, createdAtMs: at }));
}

function meshOf(text: string, workload: Workload = client): Compiler {
  const shards = ["reviews", "ratings"].map((name) => shard(name, [endpoint("1")], { portNames: ["http:9080"] }));
  return compileOnce({ objects: objectsIn(text), workloads: [], shards }, workload).compiler;
}

/** Who made the route that a request meets. */
function madeBy(
  compiler: Compiler,
  { host, path = "/", workload = client }: { host: string; path?: string; workload?: Workload },
): RouteProvenance {
  const name = workload.role === "gateway" ? gatewayName(80) : outboundName;
  const items = compiler.layersOf(workload).flatMap((layer) => compiler.items(layer));
  const table = items.find((item) => item.type === "route" && item.name === name);
  assert.ok(table?.type === "route");
  const decision = decide(table, { scheme: "http", method: "GET", authority: host, path, headers: {} });
  assert.ok(decision.kind === "route");
  const { virtualHost, place } = decision;
  const all = compiler.routesMadeBy(workload, { table: name, virtualHost });
  assert.equal(all.length, table.virtualHosts.find((one) => one.name === virtualHost)?.routes.length);
  return all[place] ?? assert.fail();
}

const printed = ({ object: { kind, namespace, name }, path }: Part): string =>
  `${kind} ${namespace}/${name} ${printPath(path)}`;

function printedMaker(maker: RouteMaker): string {
  if (maker.kind !== "object") return maker.kind;
  return [maker.part, ...(maker.delegatedBy ? [maker.delegatedBy] : [])].map(printed).join(" by ");
}

const routed = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http:
    - match: [{uri: {prefix: /other}, gateways: [other]}, {uri: {prefix: /a}}, {uri: {prefix: /b}}]
      route: [{destination: {host: reviews}}]
      timeout: 2s
    - match: [{uri: {prefix: /split}}]
      route: [{destination: {host: reviews}, weight: 1}, {destination: {host: ratings}, weight: 1}]
    - route: [{destination: {host: reviews}}]
`;

test("a route is of one VirtualService's route and match; matches for others are counted too", () => {
  const compiler = meshOf(routed);
  const maker = (path: string): string => printedMaker(madeBy(compiler, { host: "reviews", path }).maker);
  assert.equal(maker("/a"), "VirtualService default/reviews spec.http[0].match[1]");
  assert.equal(maker("/b"), "VirtualService default/reviews spec.http[0].match[2]");
  assert.equal(maker("/"), "VirtualService default/reviews spec.http[2]");
});

test("what nobody routes is the destination's own, and what is nobody's the mesh's", () => {
  const compiler = meshOf(routed);
  assert.deepEqual(madeBy(compiler, { host: "ratings" }).maker, {
    kind: "destination",
    host: "ratings.default.svc.cluster.local",
  });
  assert.deepEqual(madeBy(compiler, { host: "example.org" }).maker, { kind: "mesh" });
});

test("a timeout is the route's, or that of plain words, which say nothing of a route to several", () => {
  const words = `---
apiVersion: networking.mesh.io/v1
kind: TrafficPolicy
metadata: {name: patience}
spec: {service: reviews, timeouts: {request_timeout: 5s}, retries: {attempts: 1}}
---
apiVersion: networking.mesh.io/v1
kind: FaultInjection
metadata: {name: ill}
spec: {service: reviews, abort: {http_status: 418}}
`;
  const compiler = meshOf(routed + words);
  const treatment = (path: string): Readonly<Record<string, string>> =>
    Object.fromEntries(
      Object.entries(madeBy(compiler, { host: "reviews", path }).treatment).map(([what, part]) => [
        what,
        printed(part),
      ]),
    );
  const retries = "TrafficPolicy default/patience spec.retries";
  const abort = "FaultInjection default/ill spec.abort";
  assert.deepEqual(treatment("/a"), {
    timeout: "VirtualService default/reviews spec.http[0].timeout",
    retries,
    abort,
  });
  assert.deepEqual(treatment("/"), {
    timeout: "TrafficPolicy default/patience spec.timeouts.request_timeout",
    retries,
    abort,
  });
  assert.deepEqual(treatment("/split"), {});
});

test("a delegated route is of both, and what neither says nobody does", () => {
  const compiler = meshOf(`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: root}
spec:
  hosts: [reviews]
  http:
    - match: [{uri: {prefix: /x}}, {uri: {prefix: /a}}]
      delegate: {name: part}
      timeout: 3s
    - route: [{destination: {host: reviews}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: part}
spec:
  http:
    - match: [{uri: {prefix: /nowhere}}]
      route: [{destination: {host: ratings}}]
    - match: [{uri: {exact: /a/b}}]
      route: [{destination: {host: ratings}}]
      retries: {attempts: 1}
    - route: [{destination: {host: ratings}}]
`);
  const both = "VirtualService default/part spec.http[1].match[0] by VirtualService default/root spec.http[0].match[1]";
  const found = madeBy(compiler, { host: "reviews", path: "/a/b" });
  assert.equal(printedMaker(found.maker), both);
  assert.deepEqual(Object.values(found.treatment).map(printed), [
    "VirtualService default/root spec.http[0].timeout",
    "VirtualService default/part spec.http[1].retries",
  ]);
  assert.equal(
    printedMaker(madeBy(compiler, { host: "reviews", path: "/x" }).maker),
    "VirtualService default/part spec.http[2] by VirtualService default/root spec.http[0].match[0]",
  );
});

test("at a gateway several VirtualServices follow each other, and a server sends to HTTPS", () => {
  const compiler = meshOf(
    `
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: front}
spec:
  selector: {istio: ingressgateway}
  servers:
    - {port: {number: 80, name: http, protocol: HTTP}, hosts: [shop.example.com]}
    - {port: {number: 80, name: http-old, protocol: HTTP}, hosts: [old.example.com], tls: {httpsRedirect: true}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: one}
spec:
  hosts: [shop.example.com]
  gateways: [front]
  http: [{match: [{uri: {prefix: /one}}], route: [{destination: {host: reviews}}]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: two}
spec:
  hosts: [shop.example.com]
  gateways: [front]
  http: [{route: [{destination: {host: ratings}}]}]
`,
    gateway,
  );
  const maker = (host: string, path: string): string =>
    printedMaker(madeBy(compiler, { host, path, workload: gateway }).maker);
  assert.equal(maker("shop.example.com", "/one"), "VirtualService default/one spec.http[0].match[0]");
  assert.equal(maker("shop.example.com", "/two"), "VirtualService default/two spec.http[0]");
  assert.equal(maker("old.example.com", "/"), "Gateway default/front spec.servers[1].tls.httpsRedirect");
});

test("a cluster's settings are a subset's, its rule's, a port's, and those of plain words, each for its fields", () => {
  const compiler = meshOf(`
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec:
  host: reviews
  trafficPolicy:
    connectionPool: {tcp: {maxConnections: 7}}
    tls: {mode: DISABLE}
    portLevelSettings: [{port: {number: 81}, loadBalancer: {simple: RANDOM}}]
  subsets:
    - {name: v1, labels: {version: v1}}
    - {name: v2, labels: {version: v2}, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}}
    - name: v3
      labels: {version: v3}
      trafficPolicy:
        tls: {mode: ISTIO_MUTUAL}
        portLevelSettings: [{port: {number: 9080}, loadBalancer: {simple: RANDOM}}]
---
apiVersion: networking.mesh.io/v1
kind: CircuitBreaker
metadata: {name: breaker}
spec: {service: reviews, max_connections: 9, max_requests: 3}
---
apiVersion: networking.mesh.io/v1
kind: TrafficPolicy
metadata: {name: policy}
spec: {service: reviews, load_balancing: random}
`);
  const says = (port: number, subset: string): readonly string[] => {
    const name = `outbound|${port}|${subset}|reviews.default.svc.cluster.local`;
    const found = compiler.clusterMadeBy(client, name) ?? assert.fail();
    return found.settings.map(({ part, fields }) => `${printed(part)}: ${fields.join()}`);
  };
  const breaker = "CircuitBreaker default/breaker spec: connectionPool";
  const policy = "TrafficPolicy default/policy spec: balancer";
  const rule = "DestinationRule default/reviews spec.";
  assert.deepEqual(says(9080, ""), [`${rule}trafficPolicy: connectionPool,tls`, breaker, policy]);
  assert.deepEqual(says(9080, "v1"), [
    `${rule}subsets[0]: `,
    `${rule}trafficPolicy: connectionPool,tls`,
    breaker,
    policy,
  ]);
  assert.deepEqual(says(9080, "v2"), [
    `${rule}subsets[1]: tls`,
    `${rule}trafficPolicy: connectionPool`,
    breaker,
    policy,
  ]);
  const port = "subsets[2].trafficPolicy.portLevelSettings";
  assert.deepEqual(says(9080, "v3"), [`${rule}${port}: balancer`, `${rule}subsets[2]: `, breaker]);
  assert.deepEqual(says(81, ""), [`${rule}trafficPolicy.portLevelSettings: balancer`, breaker]);
  assert.equal(compiler.clusterMadeBy(client, "dynamic-forward-proxy"), undefined);
});

test("each route of every golden case has a maker", () => {
  let routes = 0;
  for (const one of goldenCases().filter(({ files }) => files.includes("input.yaml"))) {
    const { contents, workload } = compileCase(one).input;
    const { compiler, items } = compileOnce(contents, workload);
    for (const item of items) {
      if (item.type !== "route" || item.name.startsWith("inbound")) continue;
      for (const { name: virtualHost, routes: made } of item.virtualHosts) {
        const all = compiler.routesMadeBy(workload, { table: item.name, virtualHost });
        assert.equal(all.length, made.length, `${one.name} ${item.name} ${virtualHost}`);
        assert.deepEqual(
          all.map(({ maker }) => maker.kind === "mesh"),
          made.map((route) => route.match.kind === "connect" || virtualHost === "other"),
          `${one.name} ${item.name} ${virtualHost}`,
        );
        routes += all.length;
      }
    }
  }
  assert.ok(routes > 100);
});

test("a route that moves within its object is told where it stands now, and changes no configuration", () => {
  const compiler = new Compiler();
  compiler.update([setShard(shard("reviews", [endpoint("1")], { portNames: ["http:9080"] })), setWorkload(client)]);
  const routes = "[{route: [{destination: {host: reviews}}]}]";
  const text = (http: string): string =>
    `{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: reviews}, spec: {hosts: [reviews], http: ${http}}}`;
  const apply = (http: string) => compiler.update(objectsIn(text(http)).map(setObject));
  apply(routes);
  const before = madeBy(compiler, { host: "reviews" });
  assert.equal(printedMaker(before.maker), "VirtualService default/reviews spec.http[0]");
  const elsewhere = "{match: [{gateways: [other]}], directResponse: {status: 404}}";
  let changes: readonly unknown[] = [];
  const work = recomputedBy(compiler, () => {
    changes = apply(routes.replace("[{route", `[${elsewhere}, {route`));
  });
  assert.deepEqual(changes, []);
  assert.equal(work.outbound, undefined);
  assert.equal(
    printedMaker(madeBy(compiler, { host: "reviews" }).maker),
    "VirtualService default/reviews spec.http[1]",
  );
});
