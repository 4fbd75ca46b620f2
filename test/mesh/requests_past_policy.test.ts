/**
 * Through real Envoys: no way to write a request takes it past a policy (HOSTILE, 'Requests that must not slip past a
 * policy'). The table holds the requests; each is sent as bytes in the clear and under mTLS to the workload's sidecar, and
 * through a caller's.
 */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { type Echo, startHttpEcho } from "../support/echo.ts";
import { type JoinedHost, joinHost } from "../support/joined_host.ts";
import { all, authorizationPolicy, LiveObjects } from "../support/live_objects.ts";
import { Mesh } from "../support/mesh.ts";
import { type RawAnswer, rawRequest, sendRaw, type TlsIdentity } from "../support/raw_http.ts";
import { sendHttp2 } from "../support/raw_http2.ts";
import { type RunningWorkload, Workloads } from "../support/workload.ts";
import { type HostileRequest, type Port, policyCases, smuggled, type Way } from "./requests_past_policy_table.ts";

const ways: readonly Way[] = ["plaintext", "mtls", "outbound"];
const selects = "{app: shop}";

/** Names that lead to the shop's HTTP port. */
const named = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: names-of-the-shop}
spec:
  hosts: [secret.com, public.com]
  http:
    - route: [{destination: {host: shop, port: {number: 80}}}]
`;

let mesh: Mesh;
let objects: LiveObjects;
let workloads: Workloads;
let echo: Echo;
let shop: RunningWorkload;
let caller: RunningWorkload;
let host: JoinedHost;
let identity: TlsIdentity;

before(async () => {
  mesh = await Mesh.start({ demo: false, args: ["--outbound-traffic-policy", "REGISTRY_ONLY"] });
  objects = new LiveObjects(mesh);
  workloads = new Workloads(mesh);
  echo = await startHttpEcho();
  const ports = [
    { name: "http", port: 80, appPort: echo.port },
    { name: "undeclared", port: 81, appPort: echo.port },
  ];
  shop = await workloads.sidecar({ service: "shop", ports });
  caller = await workloads.sidecar({ service: "caller" });
  host = await joinHost(mesh);
  identity = await host.identity("stranger");
});

after(async () => {
  host?.close();
  await workloads?.stop();
  echo?.close();
  await mesh?.remove();
});

interface Sent {
  readonly answer: RawAnswer;
  /** Request targets that reached the application. */
  readonly reached: readonly string[];
}

async function sendOver(way: Way, port: Port, request: HostileRequest): Promise<Sent> {
  const bytes = request.bytes ?? rawRequest({ headers: ["Host: shop"], ...request });
  const inbound = shop.inbounds[port] ?? "";
  const to = way === "outbound" ? caller.outbound : inbound;
  const answer = await sendRaw({ to, bytes, ...(way === "mtls" ? { tls: { identity, alpn: ["http/1.1"] } } : {}) });
  return { answer, reached: echo.takeReached().map(({ url }) => url) };
}

/** undefined: it is. */
function whyNotRefused({ answer, reached }: Sent): string | undefined {
  if (reached.length > 0) return `the application got ${reached.join()}`;
  if (answer.kind === "open") return "there was no answer";
  const refused = answer.kind === "closed" || [400, 403, 404, 405, 501].includes(answer.status);
  return refused ? undefined : `it was answered ${answer.status}`;
}

function whyNotPassed({ answer, reached }: Sent): string | undefined {
  if (answer.kind === "http" && answer.status === 200 && reached.length === 1) return undefined;
  return answer.kind === "http" ? `it was answered ${answer.status}` : `${answer.kind}: ${answer.text}`;
}

async function wrongOnes(
  requests: readonly HostileRequest[],
  port: Port,
  wrong: (sent: Sent) => string | undefined,
): Promise<readonly string[]> {
  const found: string[] = [];
  for (const request of requests) {
    for (const way of request.ways ?? ways) {
      const why = wrong(await sendOver(way, port, request));
      const { ways: _, ...shown } = request;
      if (why !== undefined) found.push(`${way} ${JSON.stringify(shown)}: ${why}`);
    }
  }
  return found;
}

for (const { policy, action, rules, port = "http", refused, passes } of policyCases) {
  describe(policy, () => {
    before(() => objects.replace(all(named, authorizationPolicy({ action, rules, selects }))));

    test(`${refused.length} spellings are refused`, async () => {
      assert.deepEqual(await wrongOnes(refused, port, whyNotRefused), []);
    });

    test(`${passes.length} others pass`, async () => {
      assert.deepEqual(await wrongOnes(passes, port, whyNotPassed), []);
    });
  });
}

describe("HTTP/2", () => {
  const rules = "[{to: [{operation: {paths: [/admin]}}]}, {to: [{operation: {hosts: [secret.com]}}]}]";
  const usual = { ":method": "GET", ":scheme": "http", ":authority": "shop" };

  before(() => objects.replace(authorizationPolicy({ action: "DENY", rules, selects })));

  const refused = [
    ...["/admin", "//admin", "/./admin", "/x/../admin", "%2Fadmin", "/%2Fadmin", "/\\admin", "/admin#x", "/admin?x"],
    ...["/..;p/admin", "/%61dmin", "admin", "http://shop/admin"],
  ].map((path) => ({ ...usual, ":path": path }));
  const hosts = ["secret.com", "Secret.com", "secret.com:80", "secret.com.", "u@secret.com", "public.com,secret.com"];
  refused.push(...hosts.map((authority) => ({ ...usual, ":path": "/", ":authority": authority })));

  for (const over of ["plaintext", "mtls"] as const) {
    const send = async (headers: Readonly<Record<string, string>>): Promise<number | "refused"> =>
      sendHttp2({ to: shop.inbounds.http ?? "", headers, identity: over === "mtls" ? identity : undefined });

    test(`${refused.length} requests over ${over} are refused`, async () => {
      // Together, since Envoy takes a second to close what it cannot read.
      const statuses = await Promise.all(refused.map(send));
      const passed = refused.filter((_, index) => statuses[index] === 200);
      assert.deepEqual(passed, []);
      assert.deepEqual(echo.takeReached(), []);
    });

    test(`a Host beside :authority is not what the application goes by, over ${over}`, async () => {
      const status = await send({ ...usual, ":path": "/", host: "secret.com" });
      const [seen] = echo.takeReached();
      assert.ok(status !== 200 || seen !== undefined);
      assert.equal((seen?.headers ?? []).includes("secret.com"), false, "the application was told another host");
      assert.equal(await send({ ...usual, ":path": "/public" }), 200);
      echo.takeReached();
    });
  }
});

describe("a header sent twice", () => {
  /** Who says that he is an administrator finds no route. */
  const guarded = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: names-of-the-shop}
spec:
  hosts: [secret.com]
  http:
    - match: [{withoutHeaders: {x-role: {exact: admin}, x-tainted: {}}}]
      route: [{destination: {host: shop, port: {number: 80}}}]
`;
  before(() => objects.replace(guarded));

  const withHeaders = (...headers: readonly string[]): HostileRequest => ({
    headers: ["Host: secret.com", ...headers],
    ways: ["outbound"],
  });

  test("does not hide a value from a route that must not have it", async () => {
    const refused = [
      withHeaders("x-role: admin"),
      withHeaders("x-role: admin", "x-role: admin"),
      withHeaders("x-role: guest", "x-role: admin"),
      withHeaders("x-role: admin", "X-ROLE: guest"),
      withHeaders("x-role: a", "x-role: admin", "x-role: b"),
      withHeaders("x-role:\tadmin "),
      withHeaders("x-tainted: "),
      withHeaders("x-tainted: ", "X-Tainted: 1"),
    ];
    assert.deepEqual(await wrongOnes(refused, "http", whyNotRefused), []);
    const passes = [withHeaders(), withHeaders("x-role: guest"), withHeaders("x-role: a", "x-role: b")];
    assert.deepEqual(await wrongOnes(passes, "http", whyNotPassed), []);
  });
});

describe("REGISTRY_ONLY", () => {
  before(() => objects.replace(""));

  test("a host that the mesh does not know is 502, however it is written, and is not asked of DNS", async () => {
    const authority = `localhost:${echo.port}`;
    const unknown: readonly Pick<HostileRequest, "target" | "headers">[] = [
      { headers: [`Host: ${authority}`] },
      { headers: [`Host: ${authority.toUpperCase()}`] },
      { headers: [`Host: localhost.:${echo.port}`] },
      { headers: [`Host: 127.0.0.1:${echo.port}`] },
      { headers: ["Host: shop:82"] },
      { headers: ["Host: shop"], target: `http://${authority}/x` },
      { headers: ["Host: shop.elsewhere"] },
    ];
    for (const request of unknown) {
      const { answer, reached } = await sendOver("outbound", "http", request);
      const shown = JSON.stringify(request);
      assert.deepEqual([answer.kind === "http" && answer.status, reached], [502, []], shown);
    }
    assert.deepEqual(await wrongOnes([{ headers: ["Host: shop"], ways: ["outbound"] }], "http", whyNotPassed), []);
  });
});

describe("framing and identity", () => {
  before(() => objects.replace(""));

  test("what could be read as two requests is refused", async () => {
    assert.deepEqual(await wrongOnes(smuggled, "http", whyNotRefused), []);
  });

  test("who the caller is, only its certificate says", async () => {
    const claimed = "URI=spiffe://cluster.local/ns/default/sa/admin";
    const bytes = rawRequest({ headers: ["Host: shop", `x-forwarded-client-cert: ${claimed}`] });
    const seenAfter = async (tls: { readonly identity: TlsIdentity } | undefined): Promise<string> => {
      await sendRaw({ to: shop.inbounds.http ?? "", bytes, ...(tls ? { tls } : {}) });
      const [request] = echo.takeReached();
      assert.ok(request, "the application was asked");
      return request.headers.join("\n");
    };
    assert.doesNotMatch(await seenAfter(undefined), /sa\/admin/);
    const told = await seenAfter({ identity });
    assert.doesNotMatch(told, /sa\/admin/);
    assert.match(told, /x-forwarded-client-cert\n.*URI=spiffe:\/\/cluster\.local\/ns\/default\/sa\/stranger/);
  });
});
