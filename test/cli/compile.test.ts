import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { virtualService } from "../api/support/api.ts";
import { meshctl, temporaryDirectory } from "./support/meshctl.ts";

const workload = (name: string, service: string): string => `apiVersion: networking.mesh.io/v1
kind: Workload
metadata: { name: ${name}, labels: { version: v1 } }
spec:
  service: ${service}
  ports: [{ name: http, port: 80 }]
`;

const service = `apiVersion: networking.mesh.io/v1
kind: Service
metadata: { name: reviews }
spec:
  ports: [{ name: http, port: 80 }]
  endpoints: [{ id: a, address: 127.0.0.1, ports: { http: 9080 }, labels: { version: v1 } }]
`;

test("offline, a workload's whole configuration comes from files alone", async (t) => {
  const files = await temporaryDirectory(t);
  const text = [workload("web", "web"), service, virtualService("reviews")].join("---\n");
  await writeFile(join(files, "mesh.yaml"), text);
  const done = await meshctl(["compile", "-f", files, "--proxy", "web", "-o", "json"]);
  assert.equal(done.status, 0, done.err);
  const config = JSON.parse(done.out);
  assert.deepEqual(Object.keys(config), ["cluster", "listener", "route", "endpoint"]);
  const clusters = config.cluster.map(({ name }: { readonly name: string }) => name);
  assert.ok(
    clusters.some((name: string) => name.includes("reviews.default.svc.cluster.local")),
    clusters.join(),
  );
  assert.match(JSON.stringify(config.route), /weightedClusters|weighted_clusters/);
});

test("a host that the mesh does not know goes where the mesh's outbound traffic policy says", async (t) => {
  const files = await temporaryDirectory(t);
  await writeFile(join(files, "mesh.yaml"), workload("web", "web"));
  const compile = (...mode: readonly string[]) =>
    meshctl(["compile", "-f", files, "--proxy", "web", ...mode, "-o", "json"]);
  const flag = "--outbound-traffic-policy";
  assert.match((await compile()).out, /dynamic_forward_proxy/);
  assert.equal((await compile(flag, "ALLOW_ANY")).out, (await compile()).out);
  const closed = await compile(flag, "REGISTRY_ONLY");
  assert.doesNotMatch(closed.out, /envoy\.clusters\.dynamic_forward_proxy/);
  assert.match(closed.out, /502/);
  const wrong = await compile(flag, "registry-only");
  assert.equal(wrong.status, 64);
  assert.match(wrong.err, /write ALLOW_ANY or REGISTRY_ONLY/);
});

test("files without a workload say how to get one", async (t) => {
  const files = await temporaryDirectory(t);
  await writeFile(join(files, "mesh.yaml"), virtualService("reviews"));
  const done = await meshctl(["compile", "-f", files, "--proxy", "web"]);
  assert.equal(done.status, 1);
  assert.match(done.err, /no workload web\.default in the files; .*get workloads,services -A -o yaml/);
});

test("what the files do not hold is said, and their mistakes are 65", async (t) => {
  const files = await temporaryDirectory(t);
  const path = join(files, "mesh.yaml");
  await writeFile(path, workload("web", "web"));
  const unknown = await meshctl(["compile", "-f", path, "--proxy", "nobody"]);
  assert.equal(unknown.status, 1);
  assert.match(unknown.err, /web\.default/);
  await writeFile(path, workload("web", "web").replace("ports:", "prots:"));
  const wrong = await meshctl(["compile", "-f", path, "--proxy", "web"]);
  assert.equal(wrong.status, 65);
  assert.match(wrong.err, /mesh\.yaml:6:3: error MSH.*ports/);
});
