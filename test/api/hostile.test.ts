/** HOSTILE.md, 'Input' and 'Browser', over HTTP: a clear refusal, nothing stored, the server lives. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { request as httpRequest } from "node:http";
import { connect } from "node:net";
import { test } from "node:test";
import { limits } from "../../src/platform/limits.ts";
import { startTestApi, virtualService } from "./support/api.ts";

const good = virtualService("reviews");
const withName = (name: string): string => good.replace("name: reviews", `name: ${JSON.stringify(name)}`);
const withHost = (host: string): string => good.replace("hosts: [reviews]", `hosts: [${JSON.stringify(host)}]`);
const withMatch = (regex: string): string =>
  good.replace("    - route:", `    - match: [{ uri: { regex: ${JSON.stringify(regex)} } }]\n      route:`);
const deep = (depth: number): string =>
  good.replace("hosts: [reviews]", `hosts: ${"[".repeat(depth)}${"]".repeat(depth)}`);

const aliasBomb = `a: &a [x,x,x,x,x,x,x,x,x]
b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]
c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]
d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]
e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]
f: &f [*e,*e,*e,*e,*e,*e,*e,*e,*e]
g: [*f,*f,*f,*f,*f,*f,*f,*f,*f]
`;

const inputs: Readonly<Record<string, string>> = {
  "YAML alias bomb": aliasBomb,
  "depth 1,000": deep(1_000),
  "depth 100,000": deep(100_000),
  "depth 100,000 in JSON": `{"apiVersion":${"[".repeat(100_000)}`,
  "duplicate keys": good.replace("hosts: [reviews]", "hosts: [reviews]\n  hosts: [ratings]"),
  __proto__: good.replace("hosts: [reviews]", "__proto__: {hosts: [x]}\n  hosts: [reviews]"),
  constructor: good.replace("hosts: [reviews]", "constructor: {prototype: {polluted: true}}\n  hosts: [reviews]"),
  "kind constructor": good.replace("VirtualService", "constructor"),
  "kind __proto__": good.replace("VirtualService", "__proto__"),
  "a huge regex": withMatch("a".repeat(100_000)),
  "a regex that is no RE2": withMatch("(?<=a)b"),
  "a regex that explodes": withMatch("((a{100}){100}){100}"),
  "a host with a path": withHost("a/b"),
  "a name with ..": withName("../../etc"),
  "a name with /": withName("a/b"),
  "a name with NUL": withName("a\u0000b"),
  "300 characters": withName("n".repeat(300)),
  "non-ASCII": withName("réviews"),
  "a namespace with ..": virtualService("reviews", [1, 99], '".."'),
  "no document's kind": "just: words\n",
  "not YAML": "{ a: [b\n",
  binary: "\u0001\u0002\u0000\ufffd",
  "a scalar": "42",
};

for (const [what, body] of Object.entries(inputs)) {
  test(`apply: ${what} is refused by its place, and nothing is stored`, async (t) => {
    const { apply, ports, call } = await startTestApi(t);
    const answer = await apply(body);
    assert.deepEqual([answer.status, answer.body.code], [422, "invalid-input"], answer.text.slice(0, 300));
    const [problem] = answer.body.problems;
    assert.ok(problem.position.line >= 1 && problem.position.column >= 1);
    assert.ok(problem.message.length > 0);
    assert.equal(ports.mirror.position().records, 0);
    assert.equal(Object.hasOwn(Object.prototype, "polluted"), false);
    assert.equal((await call("GET", "/healthz")).status, 200);
  });
}

test("apply: a wrong type in any field is refused, never thrown", async (t) => {
  const { apply, ports, around } = await startTestApi(t);
  around.admission = () => [];
  const object = {
    apiVersion: "networking.istio.io/v1",
    kind: "VirtualService",
    metadata: { name: "a", namespace: "default", labels: { a: "b" } },
    spec: {
      hosts: ["a"],
      http: [{ match: [{ uri: { prefix: "/" } }], route: [{ destination: { host: "a" }, weight: 1 }] }],
    },
  };
  const wrong: readonly unknown[] = [null, 7, true, "x", [], {}, [[]], [null], { "": 1 }, -1, 1e300];
  for (const path of pathsOf(object)) {
    for (const value of wrong) {
      const { status, body, text } = await apply(JSON.stringify(replaced(object, path, value)));
      assert.ok(status === 200 || status === 422, `${path.join(".")} = ${JSON.stringify(value)}: ${text}`);
      if (status === 422) assert.ok(body.problems.length > 0);
      else assert.ok(body.applied.length > 0 || body.warnings.length > 0, text);
    }
  }
  assert.equal(
    [...ports.mirror.objects()].every(({ value }) => typeof value.resource.metadata.name === "string"),
    true,
  );
});

function pathsOf(value: unknown, path: readonly string[] = []): readonly (readonly string[])[] {
  if (typeof value !== "object" || value === null) return [path];
  const below = Object.entries(value).flatMap(([key, item]) => pathsOf(item, [...path, key]));
  return path.length > 0 ? [path, ...below] : below;
}

function replaced(value: unknown, [key, ...rest]: readonly string[], by: unknown): unknown {
  if (key === undefined) return by;
  if (Array.isArray(value))
    return value.map((item, index) => (String(index) === key ? replaced(item, rest, by) : item));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, name === key ? replaced(item, rest, by) : item]),
  );
}

test("a body over the limit is refused before it is parsed, whether it says its length or not", async (t) => {
  const { call, url, ports } = await startTestApi(t);
  const body = Buffer.alloc(limits.applyBytes + 1, 0x20);
  const told = await call("POST", "/v1/apply", { body });
  assert.deepEqual([told.status, told.body.code], [413, "too-large"]);
  const request = httpRequest(`${url}/v1/apply`, { method: "POST", headers: { "transfer-encoding": "chunked" } });
  request.on("error", () => {});
  request.end(body);
  const [response] = await once(request, "response");
  assert.equal(response.statusCode, 413);
  response.resume();
  assert.equal(ports.mirror.position().records, 0);
});

test("wrong wrappings are refused", async (t) => {
  const { call } = await startTestApi(t);
  const files = "application/vnd.weft.apply+json";
  const refs = "application/vnd.weft.refs+json";
  const cases: readonly (readonly [string, string, string])[] = [
    ["/v1/apply", files, "{"],
    ["/v1/apply", files, "[]"],
    ["/v1/apply", files, '{"files":[{"name":1,"text":""}]}'],
    ["/v1/apply", files, '{"files":{}}'],
    ["/v1/delete", refs, '{"refs":[{"kind":"vs","namespace":"..","name":"x"}]}'],
    ["/v1/delete", refs, '{"refs":[{"kind":"__proto__","namespace":"a","name":"x"}]}'],
    ["/v1/delete", refs, `{"refs":${"[".repeat(50_000)}`],
  ];
  for (const [path, type, body] of cases) {
    const answer = await call("POST", path, { body, headers: { "content-type": type } });
    assert.deepEqual([answer.status, answer.body.code], [400, "bad-request"], body.slice(0, 60));
  }
});

test("a page of another origin can neither write nor read, nor can one that rebinds its name", async (t) => {
  const { call, ports } = await startTestApi(t);
  const foreign: readonly Readonly<Record<string, string>>[] = [
    { origin: "http://evil.example" },
    { origin: "null" },
    { origin: "http://evil.example", "content-type": "text/plain" },
    { host: "evil.example" },
    { host: "evil.example", origin: "http://evil.example" },
    { "sec-fetch-site": "cross-site" },
  ];
  for (const headers of foreign) {
    const written = await call("POST", "/v1/apply", { body: good, headers });
    assert.equal(written.status, 403, JSON.stringify(headers));
    assert.match(written.body.code, /^forbidden-/);
    assert.equal((await call("GET", "/v1/proxies", { headers })).status, 403);
    const preflight = await call("OPTIONS", "/v1/apply", { headers });
    assert.equal(preflight.headers["access-control-allow-origin"], undefined);
  }
  assert.equal(ports.mirror.position().records, 0);
});

test("answers cannot be framed, sniffed or cached", async (t) => {
  const { call } = await startTestApi(t);
  for (const path of ["/v1/proxies", "/nothing", "/openapi"]) {
    const { headers } = await call("GET", path);
    assert.equal(headers["x-frame-options"], "DENY");
    assert.equal(headers["x-content-type-options"], "nosniff");
    assert.equal(headers["cache-control"], "no-store");
  }
});

test("with a token configured nothing is done or told without it", async (t) => {
  const access = { hosts: [], origins: [], token: "s3cret" };
  const { call, ports } = await startTestApi(t, { access });
  assert.equal((await call("POST", "/v1/apply", { body: good })).status, 401);
  assert.equal((await call("GET", "/v1/proxies")).status, 401);
  assert.equal(ports.mirror.position().records, 0);
  const headers = { authorization: "Bearer s3cret" };
  assert.equal((await call("POST", "/v1/apply", { body: good, headers })).status, 200);
});

test("noise on the port ends its own connection only", async (t) => {
  const { call, url } = await startTestApi(t);
  const { hostname, port } = new URL(url);
  for (const noise of [
    "\u0000\u0001\u0002\r\n\r\n",
    "GET / HTTP/9.9\r\n\r\n",
    `GET / HTTP/1.1\r\n${"a".repeat(100_000)}`,
  ]) {
    const socket = connect(Number(port), hostname);
    socket.on("error", () => {});
    const closed = new Promise((resolve) => socket.on("close", resolve));
    socket.resume();
    socket.write(noise);
    await closed;
  }
  assert.equal((await call("GET", "/healthz")).status, 200);
});
