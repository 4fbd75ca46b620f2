/**
 * What policies and the way out mean to requests, through a real Envoy with what would be sent to it (moved into a static
 * bootstrap as golden/static_bootstrap.ts says). Plaintext: mTLS needs an agent's secrets, and is tested with one.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { compileOnce } from "../../src/compile/once.ts";
import { defaultSettings } from "../../src/compile/settings.ts";
import type { MeshObject } from "../../src/model/object.ts";
import type { OperationMatch, ValueMatch } from "../../src/model/policy.ts";
import { endpoint, ns, shard, sidecar } from "../compile/mesh.ts";
import { type Answer, RunningEnvoy } from "../envoy/running_envoy.ts";

let application: Server;
let envoy: RunningEnvoy;

const exact = (value: string): ValueMatch => ({ kind: "exact", value });
const some = (...any: ValueMatch[]) => ({ any, none: [] });

function deny(name: string, operation: Partial<OperationMatch>): MeshObject {
  const to = [{ hosts: some(), ports: some(), methods: some(), paths: some(), ...operation }];
  const policy = { namespace: ns("default"), name, action: "deny", rules: [{ from: [], to }], createdAt: 1 } as const;
  return { kind: "AuthorizationPolicy", ...policy };
}

before(async () => {
  application = createServer((request, response) => response.end(`${request.headers.host} ${request.url}`));
  application.listen(0, "127.0.0.1");
  await once(application, "listening");
  const appPort = (application.address() as AddressInfo).port;
  const listen = { address: "127.0.0.1", port: 0 };
  const workload = sidecar("reviews", "default", {
    outbound: listen,
    inbound: [
      { name: "http", port: 80, appPort, protocol: "http", listen },
      { name: "tcp", port: 81, appPort, protocol: "tcp", listen },
      { name: "open", port: 82, appPort: appPort + 1, protocol: "http", listen },
    ],
  });
  const here = (name: string, portNames: readonly string[]) =>
    shard(
      name,
      [endpoint("1", { address: "127.0.0.1", ports: { http: appPort, "http-b": appPort }, transport: "plaintext" })],
      { portNames },
    );
  const compiled = compileOnce(
    {
      settings: { ...defaultSettings, outboundTrafficPolicy: "REGISTRY_ONLY" },
      workloads: [],
      shards: [here("web", ["http:80", "http-b:8080"]), here("single", ["http:9080"])].map((each) => ({
        ...each,
        endpoints: each.endpoints.map(({ identity: _, ...rest }) => rest),
      })),
      objects: [
        {
          kind: "PeerAuthentication",
          namespace: ns("default"),
          name: "x",
          mode: "disable",
          portModes: {},
          createdAt: 1,
        },
        deny("paths", { paths: some(exact("/admin")), ports: some(exact(String(appPort))) }),
        deny("hosts", { hosts: some(exact("secret.com")), ports: some(exact(String(appPort))) }),
      ],
    },
    workload,
  );
  envoy = await RunningEnvoy.start(compiled.items);
});

after(async () => {
  await envoy?.stop();
  application?.close();
});

function ask(listener: string, path: string, host = "reviews", method = "GET"): Promise<Answer> {
  return envoy.ask(listener, path, host, method);
}

test("nothing that an application may read as /admin passes a DENY on /admin", async () => {
  const paths = [
    "/admin",
    "//admin",
    "/./admin",
    "/x/../admin",
    "/%2Fadmin",
    "%2Fadmin",
    "/%5Cadmin",
    "%5Cadmin",
    "/\\admin",
  ];
  const more = [
    "/admin#x",
    "/admin?x",
    "/..;p/admin",
    "/x/..;p/admin",
    "/.;/admin",
    "/%2e/admin",
    "/x/%2e%2e/admin",
    "/%2e%2e;/admin",
  ];
  for (const path of [...paths, ...more]) {
    const { status } = await ask("inbound_80", path);
    assert.ok(status === 403 || status === 400, `${path}: ${status}`);
  }
  for (const path of ["/", "/adminx", "/x/admin", "/a;b=c", "/a?next=//admin"]) {
    assert.equal((await ask("inbound_80", path)).status, 200, path);
  }
});

test("where no policy reads paths, a path reaches the application as it was written", async () => {
  const { status } = await ask("inbound_82", "//a%2Fb;c");
  // Nobody listens there: the request got as far as the application's port.
  assert.equal(status, 503);
});

test("a host rule holds in any case, with a port, with a final dot", async () => {
  for (const host of ["secret.com", "Secret.com", "secret.com:80", "secret.com.", "SECRET.com.:80"]) {
    assert.equal((await ask("inbound_80", "/", host)).status, 403, host);
  }
  for (const host of ["secret.com.evil", "notsecret.com", "secretxcom"]) {
    assert.equal((await ask("inbound_80", "/", host)).status, 200, host);
  }
});

test("on a TCP port a DENY that reads HTTP refuses everything", async () => {
  assert.equal((await ask("inbound_81", "/harmless")).status, 0);
});

test("the Host's port selects the service's port, and the Host arrives as it was", async () => {
  for (const host of [
    "web",
    "WEB",
    "web:80",
    "web.default",
    "web.default.svc.cluster.local:8080",
    "single",
    "single:9080",
  ]) {
    const { status, body } = await ask("outbound", "/a//b", host);
    assert.deepEqual({ status, body: body.includes(`${host} `) }, { status: 200, body: true }, `${host}: ${body}`);
  }
  assert.equal((await ask("outbound", "/", "web.default.svc.cluster.local.")).status, 200);
});

test("an unknown host answers 502 under REGISTRY_ONLY, CONNECT 405 everywhere", async () => {
  assert.equal((await ask("outbound", "/", "example.com")).status, 502);
  assert.equal((await ask("outbound", "/", "web:81")).status, 502);
  assert.equal((await ask("outbound", "example.com:443", "example.com:443", "CONNECT")).status, 405);
  assert.equal((await ask("outbound", "web:80", "web:80", "CONNECT")).status, 405);
});

test("an absolute form means what its origin form means", async () => {
  assert.equal((await ask("outbound", "http://web/x", "elsewhere")).status, 200);
});
