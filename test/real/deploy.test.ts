// deploy/ as it is delivered, on one machine: what an operator is told to do works, who has no right is refused, a node
// that is stopped hands over, a lost one comes back from a backup.

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createConnection } from "node:net";
import { after, before, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { connect as tlsConnect } from "node:tls";
import { connect } from "@nats-io/transport-node";
import { DeployedMesh, type DeployedNode } from "../support/deployed_mesh.ts";
import { SteadyWrites } from "../support/steady_writes.ts";

const object = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews }
spec: { hosts: [reviews], http: [{ route: [{ destination: { host: reviews } }] }] }
`;

let mesh: DeployedMesh;
let nodes: DeployedNode[] = [];
const first = (): DeployedNode => nodes[0] ?? assert.fail("no node");
const text = (...names: string[]): string => readFileSync(mesh.at(...names), "utf8");
const bearer = (): Record<string, string> => ({ authorization: `Bearer ${text("secrets/api.token").trim()}` });

before(async () => {
  mesh = await DeployedMesh.start();
});
after(() => mesh.remove());

test("three nodes by their unit and environment: ready, members of one cluster, nothing amiss", {
  timeout: 60_000,
}, async () => {
  nodes = await Promise.all([0, 1, 2].map((n) => mesh.startNode(n)));
  for (const node of nodes) {
    while ((await fetch(`${node.api}/readyz`)).status !== 200) await wait(50);
    assert.equal((await mesh.good(node, ["members", "-o", "name"])).trim(), "meshd-0\nmeshd-1\nmeshd-2");
  }
  await mesh.good(first(), ["check"]);
});

test("the API tells who has no token whether it is ready, and nothing else", async () => {
  const { api } = first();
  for (const path of ["/v1/resources", "/metrics", "/v1/members", "/"]) {
    assert.equal((await fetch(`${api}${path}`)).status, 401, path);
    assert.equal((await fetch(`${api}${path}`, { headers: bearer() })).status, 200, path);
  }
  assert.equal((await fetch(`${api}/readyz`)).status, 200);
  const refused = await mesh.meshctl(first(), ["get", "virtualservice"], { token: false });
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /MESHCTL_TOKEN_FILE/);
});

test("an agent joins by its unit and a token, and is given no way to NATS; a workload runs beside it", {
  timeout: 60_000,
}, async () => {
  const said = await mesh.startAgent(nodes, await mesh.good(first(), ["token", "create"]));
  assert.equal(said.attested, true);
  const files = readdirSync(mesh.at("agent"), { recursive: true, withFileTypes: true }).filter((file) => file.isFile());
  const { pass } = JSON.parse(text("secrets/nats.json"));
  for (const { parentPath, name } of files) assert.ok(!readFileSync(`${parentPath}/${name}`, "utf8").includes(pass));
  const ran = await mesh.good(first(), ["run", "--service", "hello", "--", "sh", "-c", "echo $MESH_OUTBOUND"]);
  assert.match(ran, /^http:\/\/127\.0\.0\.1:\d+/m);
  await mesh.good(first(), ["apply", "-f", "-"], object);
});

test("to NATS nobody comes in clear, without a certificate, or with another's; a node is no nats-server", {
  timeout: 30_000,
}, async () => {
  const { user, pass } = JSON.parse(text("secrets/nats.json"));
  const ca = text("tls/ca.pem");
  const own = { cert: text("tls/meshd-0.pem"), key: text("tls/meshd-0-key.pem") };
  const asked = { user, pass, reconnect: false, timeout: 3_000, inboxPrefix: `_INBOX.${user}` };
  await assert.rejects(connect({ ...asked, servers: mesh.natsUrl(0, "nats") }));
  await assert.rejects(connect({ ...asked, servers: mesh.natsUrl(0), tls: { ca } }));
  mesh.script("certificates.sh", mesh.at("foreign"), "meshd-0");
  const foreign = { cert: text("foreign/meshd-0.pem"), key: text("foreign/meshd-0-key.pem") };
  await assert.rejects(connect({ ...asked, servers: mesh.natsUrl(0), tls: { ca, ...foreign } }));
  await assert.rejects(connect({ ...asked, pass: "x", servers: mesh.natsUrl(0), tls: { ca, ...own } }));
  const nats = await connect({ ...asked, servers: mesh.natsUrl(0), tls: { ca, ...own } });
  const info = await nats.request("$JS.API.STREAM.INFO.WEFT_PROD_RECORDS", "", { timeout: 5_000 });
  const { config, cluster }: { config: { num_replicas: number }; cluster: { replicas: unknown[] } } = info.json();
  assert.deepEqual([config.num_replicas, cluster.replicas.length], [3, 2]);
  await nats.close();

  // With a node's certificate a server of one's own is let into no account: routes know the servers' names.
  mkdirSync(mesh.at("intruder"));
  const configuration = mesh
    .natsConfiguration(2, "meshd-0")
    .replace(/^include.*$/m, text("secrets/passwords.conf"))
    .replace('server_name: "nats-2"', 'server_name: "intruder"')
    .replaceAll(/listen: "127\.0\.0\.1:\d+"/g, 'listen: "127.0.0.1:-1"')
    .replace(/^http: .*$/m, "");
  writeFileSync(mesh.at("intruder/nats.conf"), configuration);
  const intruder = mesh.startNatsServer("intruder", mesh.at("intruder/nats.conf"));
  const refusals = (): Set<string> => new Set(mesh.logOf("intruder").match(/(?<=Parse Error - Remote: )nats-\d/g));
  while (refusals().size < 2) await wait(50);
  assert.match(mesh.logOf("intruder"), /Route Error 'Authorization Violation'/);
  assert.doesNotMatch(mesh.logOf("intruder"), /JetStream cluster new metadata leader/);
  await mesh.stop(intruder);
});

test("a node that is stopped while others write hands over before it leaves; upgraded one after another, nothing is lost", {
  timeout: 120_000,
}, async (t) => {
  const writes = new SteadyWrites(
    nodes.map(({ api }) => api),
    9,
    { prefix: "drained", headers: bearer() },
  );
  await wait(1_500);
  for (const n of [2, 1, 0]) {
    const { process } = nodes[n] ?? assert.fail();
    const { code, tookMs } = await mesh.stop(process);
    t.diagnostic(`meshd-${n} left in ${Math.round(tookMs)} ms`);
    assert.equal(code, 0, mesh.logOf(`meshd-${n}`));
    const back = await mesh.startNode(n);
    writes.moved(nodes[n]?.api ?? "", back.api);
    nodes[n] = back;
    while ((await fetch(`${back.api}/readyz`)).status !== 200) await wait(50);
  }
  const report = await writes.stop();
  t.diagnostic(JSON.stringify(report));
  assert.deepEqual(report.lost, []);
  assert.ok(report.longestMs < 2_000, `a write took ${report.longestMs} ms`);
});

test("a backup by an operator; a node's own account may not restore it, the account of restore.json may", {
  timeout: 60_000,
}, async () => {
  const key = ["--key-file", mesh.at("secrets/backup.key")];
  await mesh.good(first(), ["backup", mesh.at("all.backup"), ...key]);
  const dry = await mesh.meshctl(first(), ["restore", mesh.at("all.backup"), ...key, "--dry-run"]);
  assert.match(dry.stderr, /1 host.*1 object/);
  await mesh.good(first(), ["delete", "virtualservice", "reviews"]);
  const denied = await mesh.meshctl(first(), ["restore", mesh.at("all.backup"), ...key, "--force"]);
  assert.equal(denied.code, 1);
  assert.match(denied.stderr, /may not change the stream.*"restore"/);

  assert.equal((await mesh.stop(first().process)).code, 0);
  nodes[0] = await mesh.startNode(0, "restore.json");
  await mesh.good(first(), ["restore", mesh.at("all.backup"), ...key, "--force"]);
  for (const node of nodes) {
    while (!(await mesh.good(node, ["get", "virtualservice", "-o", "name"])).includes("reviews")) await wait(100);
  }
});

test("a new certificate for a nats-server: shown after a reload, and nobody is cut off", {
  timeout: 30_000,
}, async () => {
  const ready = async (): Promise<number> => (await fetch(`${first().api}/readyz`)).status;
  const before = await certificateOf(mesh.natsUrl(0));
  mesh.script("certificates.sh", mesh.at("tls"), "localhost");
  const connected = mesh.logOf("meshd-0").split("nats.connected").length;
  mesh.reloadNats(0);
  while ((await certificateOf(mesh.natsUrl(0))) === before) await wait(100);
  assert.equal(await ready(), 200);
  assert.equal(mesh.logOf("meshd-0").split("nats.connected").length, connected);
});

/** Its serial number; a nats-server speaks first, and TLS begins after that line. */
async function certificateOf(url: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const socket = createConnection(Number(port), hostname);
  await once(socket, "data");
  const own = { cert: text("tls/meshd-0.pem"), key: text("tls/meshd-0-key.pem") };
  const secured = tlsConnect({ socket, ca: text("tls/ca.pem"), servername: hostname, ...own });
  await once(secured, "secureConnect");
  const { serialNumber } = secured.getPeerCertificate();
  secured.destroy();
  return serialNumber;
}
