import assert from "node:assert/strict";
import { test } from "node:test";
import type { Namespace } from "../../src/model/names.ts";
import { parseResources } from "../../src/resources/parse.ts";
import { brief, document, errorsOf, onlyError, parseGood } from "./support/reading.ts";

const router = document("VirtualService", "hosts: [reviews]\nhttp: [{route: [{destination: {host: reviews}}]}]");

test("a document becomes a resource as it was said, with where it stands", () => {
  const [one] = parseGood(`# a comment\n${router}`);
  assert.deepEqual(one?.resource, {
    apiVersion: "networking.mesh.io/v1",
    kind: "VirtualService",
    metadata: { name: "x", namespace: "shop" },
    spec: { hosts: ["reviews"], http: [{ route: [{ destination: { host: "reviews" } }] }] },
  });
  assert.deepEqual(one?.position, { file: "a.yaml", line: 2, column: 1 });
  assert.deepEqual(one?.at(["spec", "http", 0, "route", 0, "destination", "host"]), {
    file: "a.yaml",
    line: 7,
    column: 34,
  });
});

test("both groups and all versions are taken; YAML and JSON say the same", () => {
  for (const group of ["networking.mesh.io", "networking.istio.io"]) {
    for (const version of ["v1", "v1beta1", "v1alpha3"]) {
      const [one] = parseGood(router.replace("networking.mesh.io/v1", `${group}/${version}`));
      assert.equal(one?.resource.apiVersion, `${group}/${version}`);
    }
  }
  const [yaml] = parseGood(router);
  assert.deepEqual(parseGood(JSON.stringify(yaml?.resource))[0]?.resource, yaml?.resource);
});

test("many documents, a List and several files are one input", () => {
  const list = { apiVersion: "v1", kind: "List", items: [parseGood(router)[0]?.resource] };
  const renamed = router.replace("name: x", "name: y");
  const parsed = parseResources([
    { file: "1.yaml", text: `---\n${renamed}---\n---\n# nothing\n` },
    { file: "2.json", text: JSON.stringify(list) },
  ]);
  assert.deepEqual(parsed.problems, []);
  assert.deepEqual(
    parsed.resources.map(({ resource, position }) => [resource.metadata.name, position.file]),
    [
      ["y", "1.yaml"],
      ["x", "2.json"],
    ],
  );
});

test("the same object twice in one input is refused, and names the other place", () => {
  const error = onlyError(`${router}---\n${router}`);
  assert.equal(error.code, "MSH1109");
  assert.match(error.message, /a\.yaml, line 1/);
});

test("Kubernetes' own kinds are ignored with a warning", () => {
  const text = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d, namespace: shop}\nspec: {replicas: 3}\n";
  const { resources, ignored, problems } = parseResources({ text: `${text}---\n${router}` });
  assert.equal(resources.length, 1);
  assert.deepEqual(
    ignored.map(({ kind, namespace, name }) => [kind, namespace, name]),
    [["Deployment", "shop", "d"]],
  );
  assert.deepEqual(
    problems.map(({ code, severity }) => [code, severity]),
    [["MSH1102", "warning"]],
  );
});

test("what is no resource of ours is named, with what was meant", () => {
  const cases: readonly [string, string, RegExp][] = [
    [router.replace("VirtualService", "VirtualServce"), "MSH1103", /did you mean VirtualService/],
    [router.replace("VirtualService", "WorkloadGroup"), "MSH1104", /not supported yet/],
    [router.replace("networking.mesh.io/v1", "networking.mesh.io/v2"), "MSH1105", /networking\.mesh\.io\/v1/],
    [router.replace("networking.mesh.io", "security.mesh.io"), "MSH1105", /networking\.mesh\.io\/v1/],
    [router.replace("networking.mesh.io/v1", "v1"), "MSH1105", /networking\.mesh\.io\/v1/],
    [router.replace("networking.mesh.io", "netwrking.istio.io"), "MSH1105", /did you mean/],
    [router.replace("kind: VirtualService\n", ""), "MSH1101", /kind/],
    [router.replace("apiVersion: networking.mesh.io/v1\n", ""), "MSH1101", /networking\.mesh\.io\/v1/],
    ["just text", "MSH1101", /no resource/],
    ["apiVersion: networking.mesh.io/v1\nkind: Workload\nmetadata: {name: w}\n", "MSH1110", /meshctl run/],
  ];
  for (const [text, code, message] of cases) {
    const error = onlyError(text);
    assert.equal(error.code, code, text);
    assert.match(error.message, message);
  }
});

test("an unknown field is named with its place and the nearest right one; a later one is said to be unsupported", () => {
  const text = document(
    "VirtualService",
    `
    hosts: [reviews]
    http:
      - timout: 3s
        corsPolicy: {allowOrigin: [x]}
        match: [{ignore_uri_case: true}]
        route:
          - destination: {host: reviews}
            wieght: 10
    `,
  );
  assert.deepEqual(brief(errorsOf(text)), [
    'MSH1201 spec.http[0].timout: there is no field "timout" here; did you mean timeout?',
    "MSH1202 spec.http[0].corsPolicy.allowOrigin: is not supported yet; leave it out",
    'MSH1201 spec.http[0].match[0].ignore_uri_case: there is no field "ignore_uri_case" here; did you mean ignoreUriCase?',
    'MSH1201 spec.http[0].route[0].wieght: there is no field "wieght" here; did you mean weight?',
  ]);
  const weight = errorsOf(text).at(-1);
  assert.deepEqual(weight?.position, { file: "a.yaml", line: 12, column: 11 });
  assert.equal(weight?.object, "virtualservice shop/x");
});

test("metadata: what a cluster adds is read over, what is wrong is named", () => {
  const cluster =
    "{name: x, uid: u, resourceVersion: '1', managedFields: [], labels: {a: b}, annotations: {n.io/a: 'x y'}}";
  const [one] = parseGood(document("Gateway", gatewaySpec, cluster));
  assert.deepEqual(one?.resource.metadata, {
    name: "x",
    namespace: "default",
    labels: { a: "b" },
    annotations: { "n.io/a": "x y" },
  });
  const cases: readonly [string, string][] = [
    ["{namespace: shop}", "MSH1106 metadata.name"],
    ["{name: 1}", "MSH1106 metadata.name"],
    ["{name: x, namespace: Shop}", "MSH1107 metadata.namespace"],
    ["{name: x, namespace: 1}", "MSH1107 metadata.namespace"],
    ["{name: x, lables: {a: b}}", "MSH1201 metadata.lables"],
    ["{name: x, labels: {a: 1}}", "MSH1203 metadata.labels.a"],
    ["{name: x, labels: {'a b': c}}", 'MSH1207 metadata.labels["a b"]'],
    ["{generateName: x}", "MSH1106 metadata.generateName"],
    ["[x]", "MSH1203 metadata"],
  ];
  for (const [metadata, start] of cases) {
    const [first = ""] = brief(errorsOf(document("Gateway", gatewaySpec, metadata)));
    assert.ok(first.startsWith(`${start}:`), `${metadata}: ${first}`);
  }
});

test("istio-system is the root namespace, with a warning; the caller's namespace is the default", () => {
  const text = document("PeerAuthentication", "mtls: {mode: STRICT}", "{name: x, namespace: istio-system}");
  const { resources, problems } = parseResources({ text });
  assert.equal(resources[0]?.resource.metadata.namespace, "mesh-system");
  assert.deepEqual(
    problems.map(({ code }) => code),
    ["MSH1108"],
  );
  const mine = parseResources(
    { text: text.replace(", namespace: istio-system", "") },
    { namespace: "mine" as Namespace },
  );
  assert.equal(mine.resources[0]?.resource.metadata.namespace, "mine");
});

test("one bad document does not hide the others' problems, and gives no resource itself", () => {
  const bad = router.replace("name: x", "name: bad").replace("host: reviews", "host: 1");
  const { resources, problems } = parseResources({ text: `${bad}---\n${router}---\nkind: [\n` });
  assert.deepEqual(
    resources.map(({ resource }) => resource.metadata.name),
    ["x"],
  );
  assert.deepEqual(
    problems
      .map(({ code }) => code)
      .sort()
      .slice(-1),
    ["MSH1203"],
  );
  assert.ok(problems.some(({ code }) => code === "MSH1002"));
});

test("merge keys and anchors work as they do in a cluster", () => {
  const text = `
apiVersion: networking.mesh.io/v1
kind: DestinationRule
metadata: {name: x}
spec:
  host: reviews
  trafficPolicy: &policy {loadBalancer: {simple: RANDOM}}
  subsets:
    - &first {name: v1, labels: {version: v1}, trafficPolicy: *policy}
    - {<<: *first, name: v2}
`;
  assert.deepEqual(parseGood(text)[0]?.resource.spec.subsets, [
    { name: "v1", labels: { version: "v1" }, trafficPolicy: { loadBalancer: { simple: "RANDOM" } } },
    { labels: { version: "v1" }, trafficPolicy: { loadBalancer: { simple: "RANDOM" } }, name: "v2" },
  ]);
});

const gatewaySpec = "servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]";
