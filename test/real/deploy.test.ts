// deploy/ as it is delivered, on one machine: three nats-servers by deploy/nats/ with TLS between all parts, a meshd and
// an agent by the command lines of their units. Only addresses and paths are others.

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { connect } from "@nats-io/transport-node";
import { envoyPath } from "../support/agent_process.ts";
import {
  deployDirectory,
  freePort,
  natsServerPath,
  one,
  parseEnvironment,
  parseUnit,
  tryRun,
} from "../support/deployment.ts";
import { runMeshctl } from "../support/mesh.ts";

const root = join(import.meta.dirname, "../..");
const directory = mkdtempSync(join(tmpdir(), "weft-deploy-"));
const at = (...names: string[]): string => join(directory, ...names);
const children: ChildProcess[] = [];
const logs = new Map<string, string>();
let clientPorts: readonly number[] = [];
let api = "";
let agents = "";

const deployed = (path: string): string => readFileSync(join(deployDirectory, path), "utf8");

before(async () => {
  for (const [script, ...args] of [
    ["secrets.sh", at("secrets")],
    ["certificates.sh", at("tls"), "127.0.0.1", "meshd"],
  ]) {
    const made = tryRun("sh", [join(deployDirectory, script ?? ""), ...args]);
    assert.equal(made?.code, 0, made?.output);
  }
  const free = await Promise.all(Array.from({ length: 12 }, freePort));
  clientPorts = free.slice(0, 3);
  for (const n of [0, 1, 2]) startNats(n, free);
});

after(async () => {
  for (const child of children.reverse()) await end(child);
  rmSync(directory, { recursive: true, force: true });
});

function startNats(n: number, free: readonly number[]): void {
  const own = at(`nats-${n}`);
  mkdirSync(own);
  cpSync(at("secrets/passwords.conf"), join(own, "passwords.conf"));
  const configuration = deployed(`nats/nats-${n}.conf`)
    .replaceAll("/etc/weft/tls/nats.pem", at("tls/127.0.0.1.pem"))
    .replaceAll("/etc/weft/tls/nats-key.pem", at("tls/127.0.0.1-key.pem"))
    .replaceAll("/etc/weft/tls/ca.pem", at("tls/ca.pem"))
    .replaceAll("/var/lib/weft-nats", join(own, "data"))
    .replaceAll("0.0.0.0:4222", `127.0.0.1:${free[n]}`)
    .replaceAll("0.0.0.0:6222", `127.0.0.1:${free[3 + n]}`)
    .replaceAll("127.0.0.1:8222", `127.0.0.1:${free[6 + n]}`)
    .replace(/nats-(\d)\.weft\.internal:6222/g, (_, other: string) => `127.0.0.1:${free[3 + Number(other)]}`);
  const file = join(own, "nats-server.conf");
  writeFileSync(file, configuration);
  start(`nats-${n}`, natsServerPath(), ["-c", file]);
}

/** The unit's command, run as the checkout's own program. */
function startUnit(
  unit: string,
  module: string,
  environment: Readonly<Record<string, string>>,
  paths: Readonly<Record<string, string>>,
) {
  const [, ...words] = one(parseUnit(deployed(`systemd/${unit}`)), "Service", "ExecStart").split(/\s+/);
  const args = words.map((word) => {
    const filled = word.replace(/\$\{(\w+)\}/g, (_, name: string) => environment[name] ?? assert.fail(name));
    return paths[filled] ?? filled;
  });
  return start(unit, process.execPath, [join(root, `src/${module}.ts`), ...args]);
}

function start(name: string, program: string, args: readonly string[]): ChildProcess {
  const child = spawn(program, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, XDG_CACHE_HOME: at("cache") },
  });
  children.push(child);
  child.stderr?.on("data", (chunk: Buffer) => logs.set(name, (logs.get(name) ?? "") + chunk));
  return child;
}

async function ready(name: string, child: ChildProcess): Promise<Record<string, unknown>> {
  if (!child.stdout) throw new Error("no stdout");
  const [line] = await Promise.race([
    once(createInterface({ input: child.stdout }), "line"),
    once(child, "exit").then(() => assert.fail(`${name} ended: ${logs.get(name)}`)),
  ]);
  return JSON.parse(line);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
  await gone;
  clearTimeout(timer);
}

test("three nats-servers, a meshd by its unit: it forms streams of three copies over TLS", {
  timeout: 60_000,
}, async () => {
  const environment = {
    ...parseEnvironment(deployed("systemd/meshd.env")),
    WEFT_ADDRESS: "127.0.0.1",
    WEFT_NATS: clientPorts.map((port) => `tls://127.0.0.1:${port}`).join(","),
    STATE_DIRECTORY: at("meshd"),
    CREDENTIALS_DIRECTORY: at("credentials"),
  };
  mkdirSync(at("credentials"));
  for (const name of ["nats.json", "authority.key"]) cpSync(at("secrets", name), at("credentials", name));
  cpSync(at("tls/meshd-key.pem"), at("credentials/nats-key.pem"));
  const [apiPort, xdsPort, agentsPort] = await Promise.all([freePort(), freePort(), freePort()]);
  const paths = {
    "/etc/weft/tls/ca.pem": at("tls/ca.pem"),
    "/etc/weft/tls/meshd.pem": at("tls/meshd.pem"),
    "127.0.0.1:15480": `127.0.0.1:${apiPort}`,
    "127.0.0.1:15481": `127.0.0.1:${xdsPort}`,
    "127.0.0.1:15482": `127.0.0.1:${agentsPort}`,
  };
  const said = await ready("meshd.service", startUnit("meshd.service", "meshd/main", environment, paths));
  api = `http://${said.api}`;
  agents = String(said.agents);
  assert.equal(said.name, "meshd-0");
});

async function meshctl(args: readonly string[], input?: string): Promise<string> {
  const { code, stdout, stderr } = await runMeshctl(["--server", api, ...args], input);
  assert.equal(code, 0, stderr);
  return stdout;
}

test("an agent joins by its unit; an object is applied, and backed up with the key that secrets.sh made", {
  timeout: 60_000,
}, async () => {
  writeFileSync(at("join-token"), await meshctl(["token", "create"]), { mode: 0o600 });
  mkdirSync(at("run"));
  const environment = {
    ...parseEnvironment(deployed("systemd/mesh-agent.env")),
    WEFT_AGENT_NODES: agents,
    STATE_DIRECTORY: at("agent"),
    RUNTIME_DIRECTORY: at("run"),
  };
  const paths = { "/etc/weft/join-token": at("join-token"), "/usr/local/bin/envoy": envoyPath() };
  const said = await ready("mesh-agent.service", startUnit("mesh-agent.service", "agent/main", environment, paths));
  assert.equal(said.attested, true);
  const object = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: reviews }
spec: { hosts: [reviews], http: [{ route: [{ destination: { host: reviews } }] }] }
`;
  await meshctl(["apply", "-f", "-"], object);
  assert.match(await meshctl(["get", "virtualservice", "-o", "name"]), /reviews/);
  await meshctl(["backup", at("all.backup"), "--key-file", at("secrets/backup.key")]);
  const dry = await runMeshctl([
    "--server",
    api,
    "restore",
    at("all.backup"),
    "--key-file",
    at("secrets/backup.key"),
    "--dry-run",
  ]);
  assert.match(dry.stderr, /1 host.*1 object/);
  // The node's own account may not, so its credentials file has to name the one that may.
  const denied = await runMeshctl([
    "--server",
    api,
    "restore",
    at("all.backup"),
    "--key-file",
    at("secrets/backup.key"),
    "--force",
  ]);
  assert.equal(denied.code, 1);
  assert.match(denied.stderr, /may not change the stream.*"restore"/);
});

test("who has no certificate, or asks in clear, is not let in; streams have three copies", {
  timeout: 30_000,
}, async () => {
  const [port] = clientPorts;
  const { user, pass } = JSON.parse(readFileSync(at("secrets/nats.json"), "utf8"));
  const ca = readFileSync(at("tls/ca.pem"), "utf8");
  const servers = `tls://127.0.0.1:${port}`;
  const once = { user, pass, reconnect: false, timeout: 3_000 };
  await assert.rejects(connect({ ...once, servers: `nats://127.0.0.1:${port}` }));
  await assert.rejects(connect({ ...once, servers, tls: { ca } }));
  const own = { cert: readFileSync(at("tls/meshd.pem"), "utf8"), key: readFileSync(at("tls/meshd-key.pem"), "utf8") };
  const nats = await connect({ ...once, servers, tls: { ca, ...own } });
  const info = await nats.request("$JS.API.STREAM.INFO.WEFT_PROD_RECORDS", "", { timeout: 5_000 });
  const { config, cluster }: { config: { num_replicas: number }; cluster: { replicas: unknown[] } } = info.json();
  assert.deepEqual([config.num_replicas, cluster.replicas.length], [3, 2]);
  await nats.close();
});
