/** ServiceEntries on a live mesh: hosts that no service of the mesh is, called through a sidecar. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type Echo, startHttpEcho } from "../support/echo.ts";
import { all, LiveObjects } from "../support/live_objects.ts";
import { Mesh } from "../support/mesh.ts";
import { send } from "../support/requests.ts";
import { type RunningWorkload, Workloads } from "../support/workload.ts";

let mesh: Mesh;
let objects: LiveObjects;
let workloads: Workloads;
let echo: Echo;
let client: RunningWorkload;
let cart: RunningWorkload;

before(async () => {
  mesh = await Mesh.start({ demo: false });
  objects = new LiveObjects(mesh);
  workloads = new Workloads(mesh);
  echo = await startHttpEcho();
  client = await workloads.sidecar({ service: "client", upstreams: [{ service: "db.example.com", port: 5432 }] });
  cart = await workloads.sidecar({ service: "cart", ports: [{ name: "http", port: 80, appPort: echo.port }] });
});

after(async () => {
  await workloads?.stop();
  echo?.close();
  await mesh?.remove();
});

function object(kind: string, name: string, spec: string): string {
  return `apiVersion: networking.istio.io/v1\nkind: ${kind}\nmetadata: {name: ${name}}\nspec: ${spec}\n`;
}

/** @param rest flow YAML of further fields. */
function entry(name: string, rest: string): string {
  const spec = `{hosts: [${name}.example.com], ports: [{number: 80, name: http, targetPort: ${echo.port}}], ${rest}}`;
  return object("ServiceEntry", name, spec);
}

async function answer(host: string): Promise<number> {
  return (await send({ via: client.outbound, host })).status;
}

const registryOnly = object("Sidecar", "default", "{outboundTrafficPolicy: {mode: REGISTRY_ONLY}}");

test("a host is reached at its endpoints: by address, by name, and where its Host says", async () => {
  const byHost = `{hosts: [localhost], ports: [{number: ${echo.port}, name: http}]}`;
  await objects.replace(
    all(
      registryOnly,
      entry("static", "resolution: STATIC, endpoints: [{address: 127.0.0.1}]"),
      entry("dns", "resolution: DNS, endpoints: [{address: localhost}]"),
      entry("one", "resolution: DNS_ROUND_ROBIN, endpoints: [{address: localhost}]"),
      entry("hidden", "resolution: STATIC, endpoints: [{address: 127.0.0.1}], exportTo: [shop]"),
      object("ServiceEntry", "by-host", byHost),
    ),
  );
  const hosts = ["static.example.com", "dns.example.com", "one.example.com", `localhost:${echo.port}`];
  assert.deepEqual(await Promise.all(hosts.map(answer)), [200, 200, 200, 200]);
  assert.deepEqual(
    echo
      .takeReached()
      .map(({ headers }) => headers[headers.findIndex((name) => name.toLowerCase() === "host") + 1])
      .sort(),
    [...hosts].sort(),
  );
  assert.deepEqual([await answer("hidden.example.com"), await answer("unknown.example.com")], [502, 502]);
});

test("a TCP port is reached by a declared way out", async () => {
  const ports = `[{number: 5432, name: tcp, targetPort: ${echo.port}}]`;
  const spec = `{hosts: [db.example.com], ports: ${ports}, resolution: DNS, endpoints: [{address: localhost}]}`;
  await objects.replace(object("ServiceEntry", "db", spec));
  const via = client.upstreams["db.example.com:5432"] ?? assert.fail();
  assert.equal((await send({ via, host: "whatever" })).status, 200);
});

test("routes and rules for a host hold for it", async () => {
  const host = "static.example.com";
  const routes = `{hosts: [${host}], http: [{match: [{uri: {prefix: /v2}}], route: [{destination: {host: ${host}, subset: v2}}]},
    {match: [{uri: {prefix: /nobody}}], route: [{destination: {host: ${host}, subset: nobody}}]},
    {directResponse: {status: 418}}]}`;
  const subsets = "[{name: v2, labels: {version: v2}}, {name: nobody, labels: {version: v3}}]";
  await objects.replace(
    all(
      entry("static", "resolution: STATIC, endpoints: [{address: 127.0.0.1, labels: {version: v2}}]"),
      object("DestinationRule", "static", `{host: ${host}, subsets: ${subsets}}`),
      object("VirtualService", "static", routes),
    ),
  );
  const statuses = ["/v2", "/nobody", "/"].map(
    async (path) => (await send({ via: client.outbound, host, path })).status,
  );
  assert.deepEqual(await Promise.all(statuses), [200, 503, 418]);
});

test("in the mesh the endpoint's identity is checked, which its account or the entry names", async () => {
  const port = Number(cart.inbounds.http?.split(":").at(-1));
  const inside = (name: string, account: string, more = "") =>
    entry(
      name,
      `location: MESH_INTERNAL, resolution: STATIC,
       endpoints: [{address: 127.0.0.1, ports: {http: ${port}}, serviceAccount: ${account}}]${more}`,
    );
  const strict = `apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: default}\nspec: {mtls: {mode: STRICT}}\n`;
  const vm = `{address: 127.0.0.1, ports: {http: ${port}}, labels: {app: vm}, serviceAccount: cart}`;
  await objects.replace(
    all(
      strict,
      inside("same", "cart"),
      inside("other", "vault"),
      inside("named", "vault", `, subjectAltNames: ["spiffe://cluster.local/ns/default/sa/cart"]`),
      entry("plain", `resolution: STATIC, endpoints: [{address: 127.0.0.1, ports: {http: ${port}}}]`),
      entry("vms", "location: MESH_INTERNAL, resolution: STATIC, workloadSelector: {labels: {app: vm}}"),
      object("WorkloadEntry", "vm", vm),
    ),
  );
  const hosts = ["same", "named", "vms", "other", "plain"].map((name) => answer(`${name}.example.com`));
  assert.deepEqual(await Promise.all(hosts), [200, 200, 200, 503, 503]);
});
