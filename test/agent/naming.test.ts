// Default names, and RunRequest → Workload.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { defaultName, firstFree } from "../../src/agent/naming.ts";
import { addressesOf, mistakeIn, workloadFrom } from "../../src/agent/workloads.ts";
import { decodeWorkload } from "../../src/model/decode.ts";
import { defaultTrustDomain, serviceAccountId, serviceAccountOf } from "../../src/model/identity.ts";
import { isDnsLabel } from "../../src/model/names.ts";
import type { RunSidecar } from "../../src/model/run.ts";

const request: RunSidecar = {
  role: "sidecar",
  session: "s",
  namespace: "shop",
  serviceAccount: "default",
  labels: { version: "v2" },
  locality: "eu/a",
  service: "reviews",
  ports: [
    { name: "http", port: 80, appPort: 8080 },
    { name: "tcp-echo", port: 9000, appPort: 9000 },
  ],
  upstreams: [{ service: "db.data", port: 5432, listen: { address: "127.0.0.1", port: 0 } }],
};

test("a name is SERVICE-VERSION, SERVICE without one, and numbered past those that are taken", () => {
  assert.equal(defaultName("reviews", "v1"), "reviews-v1");
  assert.equal(defaultName("reviews", "1.2_Beta!"), "reviews-1-2-beta");
  assert.equal(defaultName("reviews", undefined), "reviews");
  const taken = new Set(["reviews-v1", "reviews-v1-2"]);
  assert.equal(
    firstFree("reviews-v1", (name) => taken.has(name)),
    "reviews-v1-3",
  );
});

test("every default name is a DNS label, and numbering never repeats one", () => {
  const service = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/);
  fc.assert(
    fc.property(service, fc.string(), (name, version) => {
      const base = defaultName(name, version);
      const next = firstFree(base, (taken) => taken === base);
      assert.ok(isDnsLabel(base), base);
      assert.ok(isDnsLabel(next) && next !== base, next);
    }),
  );
});

test("a request becomes a workload: app label, protocols by port name, addresses of its own", async () => {
  let next = 15_000;
  const take = async () => ({ address: "127.0.0.1", port: next++ });
  const workload = await workloadFrom({ request, name: "reviews-v2", host: "host-a", take });
  assert.ok(workload.role === "sidecar");
  assert.deepEqual(workload.labels, { app: "reviews", version: "v2" });
  assert.deepEqual(
    workload.inbound.map(({ protocol, appPort }) => [protocol, appPort]),
    [
      ["http", 8080],
      ["tcp", 9000],
    ],
  );
  assert.deepEqual(workload.upstreams, [
    { service: { namespace: "data", name: "db" }, port: 5432, listen: workload.upstreams[0]?.listen },
  ]);
  assert.equal(new Set(addressesOf(workload).map(({ port }) => port)).size, 4);
  const own = { ...request, labels: { app: "other" } };
  assert.equal((await workloadFrom({ request: own, name: "x", host: "h", take })).labels.app, "other");
});

test("an upstream's port is taken at the address that was asked for", async () => {
  const take = async (address = "127.0.0.1") => ({ address, port: 15_000 });
  const upstreams = ["127.0.0.2", "::1"].map((address) => ({
    service: "db",
    port: 5432,
    listen: { address, port: 0 },
  }));
  const asked = { ...request, upstreams };
  assert.equal(mistakeIn(asked), undefined);
  const workload = await workloadFrom({ request: asked, name: "x", host: "h", take });
  assert.ok(workload.role === "sidecar");
  assert.deepEqual(
    workload.upstreams.map(({ listen }) => listen.address),
    ["127.0.0.2", "::1"],
  );
});

test("an upstream is a service, or by its full name a host that is declared", async () => {
  const take = async (address = "127.0.0.1") => ({ address, port: 15_000 });
  const listen = { address: "127.0.0.1", port: 0 };
  const words = [
    "db",
    "db.data",
    "db.data.svc",
    "db.data.svc.cluster.local",
    "db.example.com",
    "example.com.",
    "DB.example.com",
  ];
  const asked = { ...request, upstreams: words.map((service) => ({ service, port: 5432, listen })) };
  assert.equal(mistakeIn(asked), undefined);
  const workload = await workloadFrom({ request: asked, name: "x", host: "h", take });
  assert.ok(workload.role === "sidecar");
  const data = { service: { namespace: "data", name: "db" } };
  assert.deepEqual(
    workload.upstreams.map(({ port: _, listen: __, ...to }) => to),
    [
      { service: { namespace: request.namespace, name: "db" } },
      data,
      data,
      data,
      { host: "db.example.com" },
      { host: "example.com" },
      { host: "db.example.com" },
    ],
  );
  assert.deepEqual(decodeWorkload(JSON.parse(JSON.stringify(workload)), ""), workload);
});

test("a service account is a DNS subdomain, as in Kubernetes, and comes whole out of its identity", async () => {
  const take = async () => ({ address: "127.0.0.1", port: 15_000 });
  for (const serviceAccount of ["build.robot", "0.a-b", "x".repeat(253)]) {
    const asked = { ...request, serviceAccount };
    assert.equal(mistakeIn(asked), undefined);
    const workload = await workloadFrom({ request: asked, name: "x", host: "h", take });
    assert.equal(decodeWorkload(JSON.parse(JSON.stringify(workload)), "workload").serviceAccount, serviceAccount);
    const id = serviceAccountId(defaultTrustDomain, workload);
    assert.deepEqual(serviceAccountOf(id), { trustDomain: "cluster.local", namespace: "shop", serviceAccount });
  }
  for (const serviceAccount of [
    "",
    ".",
    "..",
    "a..b",
    ".a",
    "a.",
    "A",
    "a_b",
    "a/b",
    "a\u0000",
    "-a.b",
    "x".repeat(254),
  ]) {
    assert.match(mistakeIn({ ...request, serviceAccount }) ?? "", /service account/, serviceAccount);
  }
});

test("what a user wrote wrong is named", () => {
  const port = { name: "http", port: 80, appPort: 80 };
  const wrong: readonly [Partial<RunSidecar>, RegExp][] = [
    [{ service: "Reviews" }, /service "Reviews"/],
    [{ namespace: "a.b" }, /namespace "a\.b"/],
    [{ name: "x".repeat(64) }, /name/],
    [{ locality: "eu" }, /REGION\/ZONE/],
    [{ ports: [port, { ...port, name: "http-2" }] }, /port 80 is there twice/],
    [{ ports: [{ ...port, port: 0 }] }, /1 to 65535/],
    [
      { upstreams: [{ service: "www.example_com.org", port: 1, listen: { address: "127.0.0.1", port: 0 } }] },
      /write a service/,
    ],
    [
      { upstreams: [{ service: "db", port: 1, listen: { address: "localhost", port: 0 } }] },
      /no loopback address; write 127\.0\.0\.1/,
    ],
    [{ upstreams: [{ service: "db", port: 1, listen: { address: "0.0.0.0", port: 0 } }] }, /no loopback address/],
  ];
  assert.equal(mistakeIn(request), undefined);
  for (const [change, expected] of wrong) assert.match(mistakeIn({ ...request, ...change }) ?? "", expected);
});
