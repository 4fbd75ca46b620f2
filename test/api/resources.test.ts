import assert from "node:assert/strict";
import { test } from "node:test";
import { parseOffline } from "../../src/resources/offline/parse.ts";
import { startTestApi, virtualService } from "./support/api.ts";

const labelled = (name: string, team: string): string =>
  virtualService(name).replace(`name: ${name}`, `name: ${name}\n  labels: { team: ${team} }`);

test("lists are by kind, namespace and label, in order", async (t) => {
  const { apply, call } = await startTestApi(t);
  const strict =
    "apiVersion: security.mesh.io/v1\nkind: PeerAuthentication\nmetadata: {name: default}\nspec: {mtls: {mode: STRICT}}\n";
  await apply([labelled("b", "x"), labelled("a", "y"), virtualService("c", [1, 99], "other"), strict].join("---\n"));
  const names = async (path: string): Promise<string> =>
    (await call("GET", path)).body.items.map(({ metadata }: { metadata: { name: string } }) => metadata.name).join();
  assert.equal(await names("/v1/resources/virtualservice"), "a,b,c");
  assert.equal(await names("/v1/resources/vs?namespace=default"), "a,b");
  assert.equal(await names("/v1/resources/vs.networking.istio.io?selector=team%3Dx"), "b");
  assert.equal(await names("/v1/resources"), "default,a,b,c");
});

test("a list may be of several kinds; services and workloads are documents that can be read again", async (t) => {
  const { apply, call } = await startTestApi(t);
  await apply(virtualService("reviews"));
  const ports = [{ name: "http", port: 80 }];
  const endpoints = [{ id: "a", address: "127.0.0.1", weight: 5 }];
  await call("PUT", "/v1/endpoints/default/reviews?source=me", { body: JSON.stringify({ ports, endpoints }) });
  const { items } = (await call("GET", "/v1/resources/services,vs")).body;
  assert.deepEqual(
    items.map(({ kind }: { kind: string }) => kind),
    ["Service", "VirtualService"],
  );
  const [service] = items;
  assert.equal(service.apiVersion, "networking.mesh.io/v1");
  assert.deepEqual(service.status, { ports: ["80/http"], endpoints: 1, healthy: 1, sources: ["me"] });
  const read = parseOffline([{ text: JSON.stringify(service) }]);
  assert.deepEqual(read.problems, []);
  assert.deepEqual(
    read.shards.map((shard) => [shard.source, shard.endpoints[0]?.weight]),
    [["me", 5]],
  );
  assert.equal((await call("GET", "/v1/resources/vs,nosuch")).status, 400);
});

test("a path that is known says which methods it takes", async (t) => {
  const { call } = await startTestApi(t);
  for (const [method, path, allow] of [
    ["POST", "/v1/members", "GET, HEAD"],
    ["GET", "/v1/apply", "POST"],
    ["PATCH", "/v1/resources/vs/default/a", "GET, HEAD, PUT, DELETE"],
  ] as const) {
    const answer = await call(method, path);
    assert.deepEqual([answer.status, answer.body.code], [405, "method-not-allowed"], path);
    assert.equal(answer.headers.allow, allow);
  }
});

test("a PUT must say the object that its path says", async (t) => {
  const { call } = await startTestApi(t);
  const put = (path: string, body: string) => call("PUT", path, { body });
  assert.equal(
    (await put("/v1/resources/vs/default/reviews", virtualService("reviews"))).body.applied[0].result,
    "created",
  );
  assert.equal((await put("/v1/resources/vs/default/other", virtualService("reviews"))).status, 400);
  assert.equal((await put("/v1/resources/vs/other/reviews", virtualService("reviews"))).status, 200);
  assert.equal((await put("/v1/resources/dr/default/reviews", virtualService("reviews"))).status, 400);
  assert.equal(
    (await put("/v1/resources/vs/default/a", `${virtualService("a")}---\n${virtualService("b")}`)).status,
    400,
  );
});

test("a read can ask not to be older than what the caller has seen", async (t) => {
  const { apply, call, server } = await startTestApi(t);
  await apply(virtualService("reviews"));
  server.pauseTails();
  const written = apply(virtualService("reviews", [1, 99]));
  server.resumeTails();
  const { revision } = (await written).body;
  const path = "/v1/resources/vs/default/reviews?atLeast=";
  assert.equal((await call("GET", path + revision)).body.metadata.generation, 2);
  const foreign = await call("GET", `${path}other-3`);
  assert.deepEqual([foreign.status, foreign.body.code], [409, "incarnation-changed"]);
  assert.equal((await call("GET", `${path}nonsense`)).status, 400);
});

test("what is wrong in a path or a query is named", async (t) => {
  const { call } = await startTestApi(t);
  const cases: readonly (readonly [string, number, RegExp])[] = [
    ["/v1/resources/virtualservce", 400, /did you mean virtualservice/],
    ["/v1/resources/vs/default/nobody", 404, /no VirtualService nobody/],
    ["/v1/resources/vs/..%2f..%2f/x", 400, /not a namespace/],
    ["/v1/resources/vs/default/%00", 404, /no VirtualService/],
    [`/v1/resources/vs/default/${"n".repeat(300)}`, 404, /no VirtualService/],
    ["/v1/resources/vs?namespace=__proto__", 400, /namespace/],
    ["/v1/resources/vs?nonsense=1", 400, /nonsense/],
    ["/v1/resources/vs?namespace=a&namespace=b", 400, /more than once/],
    ["/v1/resources/vs?selector=a%20b", 400, /selector/],
    ["/v1/wait?timeoutMs=-1", 400, /timeoutMs/],
    ["/v1/proxies/reviews-v1/config?section=keys", 400, /section/],
    ["/v1/proxies/nobody/config", 404, /nobody\.default/],
    ["/v1/%E0%A4%A", 400, /./],
    ["/nothing", 404, /openapi|no such thing/],
  ];
  for (const [path, status, words] of cases) {
    const answer = await call("GET", path);
    assert.equal(answer.status, status, path);
    assert.match(answer.body.detail, words, path);
    assert.equal(typeof answer.body.code, "string");
  }
  const service = await call("DELETE", "/v1/resources/svc/default/reviews");
  assert.match(service.body.detail, /not applied or deleted/);
});
