/** Kinds in plain words: what they take, what they refuse and warn of, and what they come to in the model. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { analyze } from "../../src/resources/analyze.ts";
import { explainSchema } from "../../src/resources/explain.ts";
import { kindFrom } from "../../src/resources/kinds/catalog.ts";
import { parseResources } from "../../src/resources/parse.ts";
import { brief, document, errorsOf, modelOf, parseGood } from "./support/reading.ts";

function refused(kind: string, cases: Readonly<Record<string, readonly [spec: string, ...told: readonly string[]]>>) {
  for (const [name, [spec, ...told]] of Object.entries(cases)) {
    test(`${kind}: ${name}`, () => {
      const { problems } = parseResources({ text: document(kind, spec) });
      assert.deepEqual(
        problems.map(({ code, field }) => `${code} ${field}`),
        told,
        JSON.stringify(problems, undefined, 1),
      );
    });
  }
}

test("a name may be written in any case, a number in quotes, and what is kept is one form", () => {
  const snake = "service: reviews\nmax_connections: 5\ndetection: {consecutive_errors: 3}";
  const camel = 'service: reviews\nmaxConnections: "5"\ndetection: {consecutiveErrors: 3}';
  const pascal = "Service: reviews\nMaxConnections: 5\nDetection: {ConsecutiveErrors: '3'}";
  const specs = [snake, camel, pascal].map((spec) => parseGood(document("CircuitBreaker", spec))[0]?.resource.spec);
  assert.deepEqual(specs[1], specs[0]);
  assert.deepEqual(specs[2], specs[0]);
});

test("a service by its short name, with its namespace, and in full", () => {
  for (const word of ["reviews", "reviews.shop", "reviews.shop.svc", "reviews.shop.svc.cluster.local"]) {
    const { service } = modelOf("CircuitBreaker", document("CircuitBreaker", `service: ${word}\nmax_requests: 1`));
    assert.deepEqual(service, { namespace: "shop", name: "reviews" });
  }
});

test("they are the mesh's own: in its group, v1, alone", () => {
  const text = document("CircuitBreaker", "service: a\nmax_requests: 1");
  for (const other of ["networking.istio.io/v1", "networking.mesh.io/v1beta1"]) {
    const [problem] = errorsOf(text.replace("networking.mesh.io/v1", other));
    assert.equal(problem?.code, "MSH1105");
    assert.match(problem.message, /write networking\.mesh\.io\/v1/);
  }
  assert.equal(kindFrom("cb.networking.mesh.io"), "CircuitBreaker");
  assert.equal(kindFrom("cb.networking.istio.io"), undefined);
});

refused("CircuitBreaker", {
  "no service": ["max_requests: 1", "MSH1204 spec.service"],
  "nothing said": ["service: a", "MSH1210 spec"],
  "one field in two cases": ["service: a\nmax_requests: 1\nmaxRequests: 2", "MSH1209 spec.maxRequests"],
  "a misspelt field": ["service: a\nmax_request: 1", "MSH1201 spec.max_request"],
  "a service of another namespace": ["service: a.other\nmax_requests: 1", "MSH1316 spec.service"],
  "a host that is no service": ["service: api.example.com\nmax_requests: 1", "MSH1207 spec.service"],
  "no connections at all": ["service: a\nmax_connections: 0", "MSH1206 spec.max_connections"],
  "words for a number": ["service: a\nmax_connections: many", "MSH1203 spec.max_connections"],
  "no retries at all are fine": ["service: a\nmax_retries: 0"],
});

refused("TrafficPolicy", {
  "as the words of old have it, numbers in quotes": [
    'service: a\nLoadBalancing: "least-conn"\nCircuitBreaking: {MaxConnections: "1"}\nRetries: {Attempts: "2"}',
  ],
  "nothing said": ["service: a", "MSH1210 spec"],
  "an empty group": ["service: a\ntimeouts: {}", "MSH1210 spec.timeouts"],
  "a balancer nobody knows": ["service: a\nLoadBalancing: ROUND_ROBIN", "MSH1205 spec.LoadBalancing"],
  "a time without unit": ["service: a\nTimeouts: {requestTimeout: 5}", "MSH1203 spec.Timeouts.requestTimeout"],
  "a health check of HTTP without a path": ["service: a\nhealth_check: {interval: 5s}", "MSH1317 spec.health_check"],
  "a path that is none, and thresholds that are none": [
    "service: a\nhealthCheck: {path: healthz, healthyThreshold: 0}",
    "MSH1207 spec.healthCheck.path",
    "MSH1206 spec.healthCheck.healthyThreshold",
  ],
  "what another protocol asks": [
    "service: a\nhealth_check: {protocol: tcp, path: /, grpc_service: shop.Cart}",
    "MSH1317 spec.health_check.path",
    "MSH1317 spec.health_check.grpc_service",
  ],
  "an unknown retry condition": ["service: a\nretries: {retry_on: broken}", "MSH1207 spec.retries.retry_on"],
});

refused("FaultInjection", {
  "nothing said": ["service: a", "MSH1210 spec"],
  "a delay without a time": ["service: a\ndelay: {percentage: 10}", "MSH1204 spec.delay.duration"],
  "an abort of more than everybody, with an odd status": [
    "service: a\nabort: {http_status: 99, percentage: 101}",
    "MSH1206 spec.abort.http_status",
    "MSH1206 spec.abort.percentage",
  ],
});

const bucket = "token_bucket: {max_tokens: 1, fill_interval: 1s}";

refused("RateLimitPolicy", {
  "limits nothing": ["service: a\nstatus: 429", "MSH1210 spec"],
  "an empty list": ["service: a\nlimits: []", "MSH1210 spec.limits"],
  "a bucket without size or time": [
    "service: a\ntoken_bucket: {}",
    "MSH1204 spec.token_bucket.max_tokens",
    "MSH1204 spec.token_bucket.fill_interval",
  ],
  "a limit of every request among the others": [`service: a\nlimits: [{${bucket}}]`, "MSH1318 spec.limits[0]"],
  "a time between fills that is none of Envoy's": [
    "service: a\ntoken_bucket: {max_tokens: 1, fill_interval: 70ms}",
    "MSH1318 spec.token_bucket.fill_interval",
  ],
  "a status that is no refusal, a path that is none": [
    `service: a\nstatus: 200\nlimits: [{path_prefix: a, ${bucket}}]`,
    "MSH1206 spec.status",
    "MSH1207 spec.limits[0].path_prefix",
  ],
  "a status that Envoy does not know": [`service: a\nstatus: 509\n${bucket}`, "MSH1318 spec.status"],
});

test("two of a kind for one service: a warning names both", () => {
  const one = (name: string) =>
    document("CircuitBreaker", "service: reviews\nmax_requests: 1", `{name: ${name}, namespace: shop}`);
  assert.deepEqual(brief(analyze(parseGood(`${one("a")}---\n${one("b")}`))), [
    "MSH1408 spec.service: circuitbreaker shop/b is for reviews too; merge the two",
    "MSH1408 spec.service: circuitbreaker shop/a is for reviews too; merge the two",
  ]);
});

test("explain says what goes before it, and that names may be written otherwise", () => {
  const found = explainSchema("CircuitBreaker", []);
  assert.ok(found.kind === "found");
  assert.match(found.text, /Where a DestinationRule says the same, that one holds/);
  const field = explainSchema("CircuitBreaker", ["maxConnections"]);
  assert.match(field.kind === "found" ? field.text : "", /Also in quotes/);
});
