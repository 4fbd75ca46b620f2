/** meshctl why: from files, and of a running mesh by its API. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { startTestApi } from "../api/support/api.ts";
import { meshctl, stateDirectory, temporaryDirectory } from "./support/meshctl.ts";

const mesh = `apiVersion: networking.mesh.io/v1
kind: Workload
metadata: {name: web}
spec: {service: web, ports: [{name: http, port: 80}]}
---
apiVersion: networking.mesh.io/v1
kind: Service
metadata: {name: reviews}
spec:
  ports: [{name: http, port: 9080}]
  endpoints:
    - {id: a, address: 127.0.0.1, ports: {http: 9080}, labels: {version: v1}}
    - {id: b, address: 127.0.0.2, ports: {http: 9080}, labels: {version: v2}}
    - {id: c, address: 127.0.0.3, ports: {http: 9080}, labels: {version: v2}, health: unhealthy}
`;
const rules = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http:
    - name: jason
      match:
        - headers: {end-user: {exact: jason}}
          uri: {prefix: /api}
      rewrite: {uri: /v2}
      timeout: 2s
      fault: {delay: {fixedDelay: 1s, percentage: {value: 50}}}
      route: [{destination: {host: reviews, subset: v2}}]
    - route:
        - {destination: {host: reviews, subset: v1}, weight: 90}
        - {destination: {host: reviews, subset: v2}, weight: 10}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec:
  host: reviews
  trafficPolicy: {connectionPool: {tcp: {maxConnections: 7}}}
  subsets:
    - {name: v1, labels: {version: v1}}
    - {name: v2, labels: {version: v2}}
`;

interface Told {
  readonly field: string;
  readonly fields: readonly string[];
  readonly position: { readonly line: number };
}

async function files(t: TestContext): Promise<string> {
  const directory = await temporaryDirectory(t);
  await writeFile(join(directory, "mesh.yaml"), mesh);
  await writeFile(join(directory, "rules.yaml"), rules);
  return directory;
}

test("from files: the route with file, line and column, what is sent where, and who says how", async (t) => {
  const directory = await files(t);
  const asked = ["GET", "http://reviews:9080/api/x?y=1", "--from", "web", "-H", "End-User: jason", "-f", directory];
  const done = await meshctl(["why", ...asked, "-o", "json"]);
  assert.equal(done.status, 0, done.err);
  const { from, virtualHost, route, faults, outcome } = JSON.parse(done.out);
  assert.deepEqual([from, virtualHost], ["web.default", "reviews.default.svc.cluster.local:9080"]);
  const file = join(directory, "rules.yaml");
  const object = { kind: "VirtualService", namespace: "default", name: "reviews" };
  assert.deepEqual(route.madeBy, {
    kind: "object",
    object,
    field: "spec.http[0].match[0]",
    position: { file, line: 9, column: 11 },
  });
  assert.deepEqual(route.treatment.timeout, {
    object,
    field: "spec.http[0].timeout",
    position: { file, line: 12, column: 7 },
  });
  assert.deepEqual(faults, { delay: { ms: 1000, share: 0.5 } });
  assert.equal(outcome.timeoutMs, 2000);
  assert.equal(outcome.destinations.length, 1);
  const [to] = outcome.destinations;
  assert.deepEqual([to.share, to.request.path, to.request.authority], [1, "/v2/x?y=1", "reviews:9080"]);
  assert.deepEqual(to.endpoints, { healthy: 1, unhealthy: 1, draining: 0 });
  assert.deepEqual(
    to.settings.map((one: Told) => [one.field, one.fields, one.position.line]),
    [
      ["spec.subsets[1]", [], 27],
      ["spec.trafficPolicy", ["connectionPool"], 24],
    ],
  );
  const table = await meshctl(["why", ...asked]);
  assert.match(table.out, /^WHAT +IS +BY\nhost +reviews\.default/);
  assert.match(
    table.out,
    /route +jason +\S*rules\.yaml:9:11 VirtualService default\/reviews spec\.http\[0\]\.match\[0\]/,
  );
  assert.match(table.out, /delay +1000 ms, 50 % +\S*rules\.yaml:13:/);
  assert.match(table.out, /sent as +reviews:9080 \/v2\/x\?y=1/);
});

test("shares, hosts that nobody knows, and what no route takes", async (t) => {
  const directory = await files(t);
  const why = async (url: string, ...rest: readonly string[]) => {
    const done = await meshctl(["why", "GET", url, "--from", "web", "-f", directory, "-o", "json", ...rest]);
    assert.equal(done.status, 0, done.err);
    return JSON.parse(done.out);
  };
  const shared = await why("reviews:9080/other");
  assert.deepEqual(
    shared.outcome.destinations.map(({ share }: { readonly share: number }) => share),
    [0.9, 0.1],
  );
  assert.equal(shared.route.madeBy.field, "spec.http[1]");
  const closed = await why("http://nobody.example.com/", "--outbound-traffic-policy", "REGISTRY_ONLY");
  assert.deepEqual([closed.route.madeBy, closed.outcome.status], [{ kind: "mesh" }, 502]);
});

test("what is wrong with the question is 64, with the files 65; who is not there is 1", async (t) => {
  const directory = await files(t);
  const why = (...args: readonly string[]) => meshctl(["why", ...args, "-f", directory]);
  assert.equal((await why("GET", "ftp://reviews/", "--from", "web")).status, 64);
  assert.equal((await why("GET", "http://reviews/", "--from", "web", "-H", "no header")).status, 64);
  assert.equal((await why("GET", "http://reviews/", "--from", "nobody")).status, 1);
  await writeFile(join(directory, "rules.yaml"), rules.replace("hosts:", "hots:"));
  assert.equal((await why("GET", "http://reviews/", "--from", "web")).status, 65);
});

test("of a running mesh it is asked of a node", async (t) => {
  const api = await startTestApi(t);
  const node = { name: "meshd-0", pid: process.pid, api: api.url, xds: "", agents: "", cluster: "local" };
  const directory = await stateDirectory(t, { nodes: [node] });
  const why = (from: string) =>
    meshctl([
      "why",
      "POST",
      "http://Reviews/a?b",
      "--from",
      from,
      "-H",
      "a: 1",
      "-H",
      "A: 2",
      "--state-dir",
      directory,
      "-o",
      "json",
    ]);
  const done = await why("reviews-v1");
  assert.equal(done.status, 0, done.err);
  assert.deepEqual(JSON.parse(done.out).asked, {
    method: "POST",
    authority: "reviews",
    path: "/a?b",
    headers: { a: "1,2" },
  });
  assert.equal((await why("nobody")).status, 1);
  const wrong = await api.call("POST", "/v1/proxies/reviews-v1.default/why", {
    body: '{"method":"GET","url":"ftp://a"}',
  });
  assert.equal(wrong.status, 400);
});
