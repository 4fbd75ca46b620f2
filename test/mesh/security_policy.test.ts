/** AuthorizationPolicy through real Envoys: 403 and 200 as Istio documents them, on HTTP, on TCP and at a gateway. */
import assert from "node:assert/strict";
import { Agent } from "node:http";
import { after, before, describe, test } from "node:test";
import { type Echo, startHttpEcho, startTcpEcho } from "../support/echo.ts";
import { joinHost } from "../support/joined_host.ts";
import { all, authorizationPolicy, LiveObjects } from "../support/live_objects.ts";
import { Mesh } from "../support/mesh.ts";
import { openPlain, openTls, RawConnection, rawRequest, reachesTcpEcho } from "../support/raw_http.ts";
import { send, startLoad } from "../support/requests.ts";
import { type RunningWorkload, Workloads } from "../support/workload.ts";
import { type Attempt, type Caller, semanticsCases } from "./security_policy_table.ts";

let mesh: Mesh;
let objects: LiveObjects;
let workloads: Workloads;
let app: Echo;
let admin: Echo;
let tcp: Echo;
let shop: RunningWorkload;
let anna: RunningWorkload;
let bob: RunningWorkload;
let other: RunningWorkload;
let gateway: RunningWorkload;

before(async () => {
  mesh = await Mesh.start({ demo: false });
  objects = new LiveObjects(mesh);
  workloads = new Workloads(mesh);
  [app, admin, tcp] = await Promise.all([startHttpEcho(), startHttpEcho(), startTcpEcho()]);
  const ports = [
    { name: "http", port: 80, appPort: app.port },
    { name: "http-admin", port: 81, appPort: admin.port },
    { name: "tcp", port: 90, appPort: tcp.port },
  ];
  shop = await workloads.sidecar({ service: "shop", ports });
  const upstreams = [{ service: "shop.default", port: 90 }];
  [anna, bob, other, gateway] = await Promise.all([
    workloads.sidecar({ service: "anna", upstreams }),
    workloads.sidecar({ service: "bob", upstreams }),
    workloads.sidecar({ service: "other", namespace: "other", serviceAccount: "anna", upstreams }),
    workloads.gateway({ name: "ingress", ports: [80] }),
  ]);
});

after(async () => {
  await workloads?.stop();
  for (const echo of [app, admin, tcp]) echo?.close();
  await mesh?.remove();
});

function sidecarOf(caller: Exclude<Caller, "nobody">): RunningWorkload {
  return { anna, bob, other }[caller];
}

/** 403 by the proxy or 200 by the application, which must not have been asked otherwise. */
async function statusOf(caller: Caller, { method, path, host, port = 80 }: Attempt): Promise<number> {
  for (const application of [app, admin]) application.takeReached();
  const via = caller === "nobody" ? shop.inbounds[port === 80 ? "http" : "http-admin"] : sidecarOf(caller).outbound;
  const named = host ?? `shop.default:${port}`;
  const { status } = await send({
    via: via ?? "",
    host: named,
    ...(method ? { method } : {}),
    ...(path ? { path } : {}),
  });
  const reached = [...app.takeReached(), ...admin.takeReached()].length;
  assert.equal(reached, status === 200 ? 1 : 0, `the application was asked ${reached} times, answered ${status}`);
  return status;
}

describe("what policies admit", () => {
  const callers: readonly Caller[] = ["anna", "bob", "other", "nobody"];

  for (const { name, policies, admits, may = [], mayNot = [] } of semanticsCases) {
    test(name, async () => {
      await objects.replace(policies.replaceAll("ADMIN", String(admin.port)).replaceAll("APP", String(app.port)));
      const wrong: string[] = [];
      const expect = async (caller: Caller, attempt: Attempt, status: number): Promise<void> => {
        const seen = await statusOf(caller, attempt);
        if (seen !== status) wrong.push(`${caller} ${JSON.stringify(attempt)}: ${seen}, not ${status}`);
      };
      if (admits) for (const caller of callers) await expect(caller, {}, admits.includes(caller) ? 200 : 403);
      for (const attempt of may) await expect("anna", attempt, 200);
      for (const attempt of mayNot) await expect("anna", attempt, 403);
      assert.deepEqual(wrong, []);
    });
  }
});

describe("on a TCP port", () => {
  const selects = "{app: shop}";

  /** Who gets through to the echo; "nobody" in plaintext. */
  async function admitted(): Promise<readonly Caller[]> {
    const found: Caller[] = [];
    for (const caller of ["anna", "bob", "other"] as const) {
      const [upstream = ""] = Object.values(sidecarOf(caller).upstreams);
      if (await reachesTcpEcho(upstream)) found.push(caller);
    }
    if (await reachesTcpEcho(shop.inbounds.tcp ?? "")) found.push("nobody");
    return found;
  }

  const cases: readonly { readonly name: string; readonly policy: string; readonly admits: readonly Caller[] }[] = [
    { name: "no policy admits everybody", policy: "", admits: ["anna", "bob", "other", "nobody"] },
    {
      name: "ALLOW by principal",
      policy: authorizationPolicy({ selects, rules: '[{from: [{source: {principals: ["*/default/sa/anna"]}}]}]' }),
      admits: ["anna"],
    },
    {
      name: "DENY by namespace",
      policy: authorizationPolicy({ action: "DENY", selects, rules: "[{from: [{source: {namespaces: [other]}}]}]" }),
      admits: ["anna", "bob", "nobody"],
    },
    {
      name: "an ALLOW that reads HTTP opens nothing",
      policy: authorizationPolicy({ selects, rules: "[{to: [{operation: {methods: [GET]}}]}]" }),
      admits: [],
    },
    {
      name: "an ALLOW that reads HTTP opens nothing for whom it names either",
      policy: authorizationPolicy({
        selects,
        rules: '[{from: [{source: {principals: ["*"]}}], to: [{operation: {paths: ["*"]}}]}]',
      }),
      admits: [],
    },
    {
      name: "a DENY that reads HTTP denies",
      policy: authorizationPolicy({ action: "DENY", selects, rules: "[{to: [{operation: {paths: [/admin]}}]}]" }),
      admits: [],
    },
    {
      name: "a DENY that reads HTTP denies whom it names",
      policy: authorizationPolicy({
        action: "DENY",
        selects,
        rules: "[{from: [{source: {namespaces: [other]}}], to: [{operation: {hosts: [x]}}]}]",
      }),
      admits: ["anna", "bob", "nobody"],
    },
    {
      name: "a DENY for another port does not",
      policy: authorizationPolicy({
        action: "DENY",
        selects,
        rules: '[{to: [{operation: {ports: ["APP"], paths: [/admin]}}]}]',
      }),
      admits: ["anna", "bob", "other", "nobody"],
    },
    {
      name: "an ALLOW for this port",
      policy: authorizationPolicy({
        selects,
        rules: '[{from: [{source: {namespaces: [default]}}], to: [{operation: {ports: ["TCP"]}}]}]',
      }),
      admits: ["anna", "bob"],
    },
  ];

  for (const { name, policy, admits } of cases) {
    test(name, async () => {
      await objects.replace(policy.replaceAll("APP", String(app.port)).replaceAll("TCP", String(tcp.port)));
      assert.deepEqual(await admitted(), admits);
    });
  }
});

describe("at a gateway", () => {
  const entrance = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: entrance}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: entrance}
spec:
  hosts: [shop.example, admin.example]
  gateways: [entrance]
  http: [{route: [{destination: {host: shop, port: {number: 80}}}]}]
`;
  const selects = "{istio: ingressgateway}";
  const enter = async (host: string, path: string): Promise<number> =>
    (await send({ via: gateway.listeners?.["80"] ?? "", host, path })).status;

  test("a policy that selects the gateway's workload holds there, and only there", async () => {
    const rules = "[{to: [{operation: {paths: [/admin*]}}]}, {to: [{operation: {hosts: [admin.example]}}]}]";
    await objects.replace(all(entrance, authorizationPolicy({ action: "DENY", selects, rules })));
    assert.equal(await enter("shop.example", "/"), 200);
    for (const path of ["/admin", "//admin", "/%61dmin", "/x/..%2fadmin"])
      assert.equal(await enter("shop.example", path), 403);
    for (const host of ["admin.example", "Admin.Example:80", "admin.example."])
      assert.equal(await enter(host, "/"), 403);
    assert.equal(await statusOf("anna", { path: "/admin" }), 200);
  });

  test("ports are the Gateway's", async () => {
    const open = (port: number): string =>
      authorizationPolicy({ selects, rules: `[{to: [{operation: {ports: ["${port}"]}}]}]` });
    await objects.replace(all(entrance, open(80)));
    assert.equal(await enter("shop.example", "/"), 200);
    await objects.replace(all(entrance, open(8080)));
    assert.equal(await enter("shop.example", "/"), 403);
  });

  test("behind it the caller is the gateway", async () => {
    const rules = "[{from: [{source: {principals: [cluster.local/ns/default/sa/ingress]}}]}]";
    await objects.replace(all(entrance, authorizationPolicy({ selects: "{app: shop}", rules })));
    assert.equal(await enter("shop.example", "/"), 200);
    assert.equal(await statusOf("anna", {}), 403);
  });
});

describe("a change", () => {
  const selects = "{app: shop}";

  test("holds for connections that were open before, and fails no request of others", async () => {
    await objects.replace("");
    const host = await joinHost(mesh);
    const identity = await host.identity("stranger");
    const inbound = shop.inbounds.http ?? "";
    const connections = [
      new RawConnection(openPlain(inbound)),
      new RawConnection(openTls(inbound, { identity, alpn: ["http/1.1"] })),
    ];
    const kept = new Agent({ keepAlive: true, maxSockets: 1 });
    const request = rawRequest({ headers: ["Host: shop"], keepAlive: true });
    const statuses = async (): Promise<readonly number[]> => {
      const direct = await Promise.all(connections.map((connection) => connection.send(request)));
      const through = await send({ via: anna.outbound, host: "shop", agent: kept });
      return [...direct.map((answer) => (answer.kind === "http" ? answer.status : 0)), through.status];
    };
    assert.deepEqual(await statuses(), [200, 200, 200]);
    const load = startLoad({ via: other.outbound, host: "shop.default" });

    const steps: readonly (readonly [string, readonly number[]])[] = [
      ['[{from: [{source: {principals: ["*/stranger"]}}]}]', [200, 403, 200]],
      ["[{from: [{source: {notNamespaces: [other]}}]}]", [403, 403, 403]],
      ['[{from: [{source: {principals: ["*/default/sa/anna"]}}]}]', [200, 200, 403]],
      ['[{from: [{source: {notPrincipals: ["*"]}}]}]', [403, 200, 200]],
    ];
    for (const [rules, expected] of steps) {
      await objects.replace(authorizationPolicy({ action: "DENY", selects, rules }));
      assert.deepEqual(await statuses(), expected, rules);
      await load.more(25);
    }
    await objects.replace("");
    assert.deepEqual(await statuses(), [200, 200, 200]);

    const answers = await load.stop();
    const failed = answers.filter(({ status }) => status !== 200);
    assert.deepEqual(failed.slice(0, 3), [], `${failed.length} of ${answers.length} failed`);
    for (const connection of connections) connection.close();
    kept.destroy();
    host.close();
  });
});
