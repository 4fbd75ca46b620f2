/**
 * A Sidecar on a live mesh: what a workload may reach, where what comes in goes to, and that whoever may still be reached
 * never fails meanwhile.
 */
import assert from "node:assert/strict";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type Echo, startHttpEcho, startPatient } from "../support/echo.ts";
import { all, authorizationPolicy, LiveObjects } from "../support/live_objects.ts";
import { Mesh } from "../support/mesh.ts";
import { countBy, send, startLoad } from "../support/requests.ts";
import { type RunningWorkload, Workloads } from "../support/workload.ts";

let mesh: Mesh;
let objects: LiveObjects;
let workloads: Workloads;
let echo: Echo;
let client: RunningWorkload;
let other: RunningWorkload;

before(async () => {
  mesh = await Mesh.start({ demo: false });
  objects = new LiveObjects(mesh);
  workloads = new Workloads(mesh);
  echo = await startHttpEcho();
  const ports = [{ name: "http", port: 80, appPort: echo.port }];
  await workloads.sidecar({ service: "cart", ports });
  await workloads.sidecar({ service: "vault", namespace: "bank", ports });
  client = await workloads.sidecar({ service: "client" });
  other = await workloads.sidecar({ service: "other" });
});

after(async () => {
  await workloads?.stop();
  echo?.close();
  await mesh?.remove();
});

const sidecar = (spec: string, name = "default"): string => `
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: ${name}}
spec: ${spec}
`;

const vault = "vault.bank";

async function answer(via: RunningWorkload, host: string): Promise<number> {
  return (await send({ via: via.outbound, host })).status;
}

test("what a Sidecar leaves out is not reached, what it leaves in never fails, and without it all is as before", async () => {
  assert.equal(await answer(client, vault), 200);
  const load = startLoad({ via: client.outbound, host: "cart" });

  await objects.replace(sidecar('{egress: [{hosts: ["./*"]}], outboundTrafficPolicy: {mode: REGISTRY_ONLY}}'));
  assert.deepEqual([await answer(client, "cart"), await answer(client, vault)], [200, 502]);
  assert.equal(await answer(other, vault), 502);
  const { clusters } = await namesOf(client);
  assert.ok(clusters.some((name) => name.includes("cart")) && !clusters.some((name) => name.includes("vault")));

  const own = '{workloadSelector: {labels: {app: client}}, egress: [{hosts: ["./*", "bank/*"]}]}';
  await objects.replace(all(sidecar('{egress: [{hosts: ["./*"]}]}'), sidecar(own, "clients")));
  assert.equal(await answer(client, vault), 200);
  assert.ok((await namesOf(client)).clusters.some((name) => name.includes("vault")));
  assert.ok(!(await namesOf(other)).clusters.some((name) => name.includes("vault")));

  await objects.replace("");
  assert.deepEqual([await answer(client, vault), await answer(other, vault)], [200, 200]);
  const answers = await load.stop();
  assert.deepEqual(Object.keys(countBy(answers, ({ status }) => String(status))), ["200"]);
});

test("what comes in goes to where the Sidecar says that the application listens, and policies name the port as before", async () => {
  const [elsewhere, socket] = [await startHttpEcho({ "x-by": "elsewhere" }), await listenAt("cart.sock")];
  const load = startLoad({ via: client.outbound, host: "cart" });
  const by = async (): Promise<unknown> =>
    (await send({ via: client.outbound, host: "cart" })).headers["x-by"] ?? "as it was run";
  const to = (endpoint: string, protocol = "HTTP"): string =>
    sidecar(`{ingress: [{port: {number: ${echo.port}, protocol: ${protocol}}, defaultEndpoint: "${endpoint}"}]}`);
  try {
    assert.equal(await by(), "as it was run");
    for (const endpoint of [`127.0.0.1:${elsewhere.port}`, `0.0.0.0:${elsewhere.port}`]) {
      await objects.replace(to(endpoint));
      assert.equal(await by(), "elsewhere", endpoint);
    }
    await objects.replace(to(`unix://${socket.path}`));
    assert.equal(await by(), "socket");
    await objects.replace(sidecar("{ingress: [{port: {number: 1, protocol: HTTP}}]}"));
    assert.equal(await by(), "as it was run");
    const answers = await load.stop();
    assert.deepEqual(Object.keys(countBy(answers, ({ status }) => String(status))), ["200"]);

    const deny = (port: number): string =>
      authorizationPolicy({ action: "DENY", rules: `[{to: [{operation: {ports: ["${port}"]}}]}]` });
    await objects.replace(all(to(`127.0.0.1:${elsewhere.port}`), deny(elsewhere.port)));
    assert.equal(await answer(client, "cart"), 200);
    await objects.replace(all(to(`127.0.0.1:${elsewhere.port}`), deny(echo.port)));
    assert.equal(await answer(client, "cart"), 403);

    // Callers were told that it is HTTP, and speak that over what is carried as it is.
    await objects.replace(to(`127.0.0.1:${elsewhere.port}`, "TCP"));
    assert.equal(await by(), "elsewhere");
  } finally {
    await load.stop();
    elsewhere.close();
    socket.server.close();
  }
});

test("a Sidecar's limits are of the proxy's connections to its application, a port's in place of all", async () => {
  const patient = await startPatient();
  const one = "{tcp: {maxConnections: 1}, http: {http1MaxPendingRequests: 1}}";
  const ingress = (pool: string): string =>
    `ingress: [{port: {number: ${echo.port}, protocol: HTTP}, defaultEndpoint: "127.0.0.1:${patient.port}"${pool}}]`;
  const asked = { via: client.outbound, host: "cart" };
  // Of three at a time one is under way, one waits and one is too many.
  const refused = async (): Promise<number> => {
    const release = patient.hold();
    const asking = Array.from({ length: 3 }, () => send(asked));
    await Promise.race([...asking, patient.reached(3)]);
    release();
    const answers = await Promise.all(asking);
    return answers.filter(({ status }) => status === 503).length;
  };
  try {
    await objects.replace(sidecar(`{inboundConnectionPool: ${one}, ${ingress("")}}`));
    assert.equal(await refused(), 1);
    await objects.replace(
      sidecar(`{inboundConnectionPool: ${one}, ${ingress(", connectionPool: {tcp: {maxConnections: 9}}")}}`),
    );
    assert.equal(await refused(), 0);
  } finally {
    patient.close();
  }
});

/** An application at a Unix socket in the mesh's directory. */
async function listenAt(name: string): Promise<{ readonly path: string; readonly server: Server }> {
  const path = join(mesh.stateDir, name);
  const server = createServer((_, response) => response.setHeader("x-by", "socket").end());
  await new Promise<void>((resolve) => {
    server.listen(path, resolve);
  });
  return { path, server };
}

/** As the Envoy itself says. */
async function namesOf({ admin }: RunningWorkload): Promise<{ readonly clusters: readonly string[] }> {
  const text = await (await fetch(`http://${admin}/clusters`)).text();
  return { clusters: [...new Set(text.split("\n").map((line) => line.split("::")[0] ?? ""))] };
}
