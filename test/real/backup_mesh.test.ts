// meshctl backup and restore against a whole mesh: what a user does, what stays, what is refused.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { Mesh, type Ran } from "../support/mesh.ts";
import { Workloads } from "../support/workload.ts";

const virtualService = (name: string, host: string): string => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name} }
spec: { hosts: [${host}], http: [{ route: [{ destination: { host: ${host} } }] }] }
`;

let directory: string;
let mesh: Mesh;
const at = (name: string): string => join(directory, name);

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "weft-backup-"));
  await writeFile(at("key"), `${randomBytes(32).toString("base64")}\n`);
  await writeFile(at("other-key"), `${randomBytes(32).toString("base64")}\n`);
  await writeFile(at("passphrase"), "correct horse battery\n");
  mesh = await Mesh.start({ demo: false });
});
after(async () => {
  await mesh.remove();
  await rm(directory, { recursive: true, force: true });
});

const withKey = ["--key-file", "key"] as const;
function meshctl(args: readonly string[], input?: string): Promise<Ran> {
  const files = args.map((arg) => (/^(key|other-key|passphrase|.*\.backup)$/.test(arg) ? at(arg) : arg));
  return mesh.meshctl(files, input);
}
async function good(args: readonly string[], input?: string): Promise<string> {
  const { code, stdout, stderr } = await meshctl(args, input);
  assert.equal(code, 0, stderr);
  return stdout;
}
const names = async (): Promise<string> => good(["get", "virtualservice", "-o", "name"]);
const revisionNow = async (): Promise<string> => {
  const answer: { readonly revision: string } = JSON.parse(await (await mesh.api("/v1/resources")).text());
  return answer.revision;
};

async function rootTrustedByAgent(): Promise<string> {
  const file = await readFile(join(mesh.stateDir, "agent-0", "mesh.json"), "utf8");
  const trust: { readonly bundle: { readonly roots: unknown } } = JSON.parse(file);
  return JSON.stringify(trust.bundle.roots);
}

/** Looks until it holds; the mesh answers within seconds or not at all. */
async function until(holds: () => Promise<boolean>, what: string): Promise<void> {
  for (const endsAt = Date.now() + 30_000; !(await holds()); await wait(100)) {
    if (Date.now() > endsAt) assert.fail(`not within 30 s: ${what}`);
  }
}
const isKnown = async (workload: string): Promise<boolean> =>
  (await good(["get", "workload", "-o", "name"])).includes(`/${workload.split(".")[0]}`);

test("backup → change → restore --force: the same objects, another incarnation, old revisions refused, agents back", async () => {
  const applied = JSON.parse(await good(["apply", "-f", "-", "-o", "json"], virtualService("kept", "reviews")));
  const workloads = new Workloads(mesh);
  const workload = await workloads.sidecar({ service: "reviews", ports: [{ name: "http", port: 80, appPort: 9080 }] });
  await good(["backup", "a.backup", ...withKey]);
  assert.equal((await stat(at("a.backup"))).mode & 0o777, 0o600);
  assert.doesNotMatch(await readFile(at("a.backup"), "latin1"), /reviews/);
  await good(["apply", "-f", "-"], virtualService("later", "ratings"));

  const refused = await meshctl(["restore", "a.backup", ...withKey]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /not empty: 2 objects, 1 hosts.*--force/);

  await good(["restore", "a.backup", ...withKey, "--force"]);
  assert.match(await names(), /kept/);
  assert.doesNotMatch(await names(), /later/);
  const now = await revisionNow();
  assert.notEqual(now.split("-")[0], applied.revision.split("-")[0]);
  const old = await mesh.api(`/v1/resources?atLeast=${applied.revision}`);
  const { code, detail } = JSON.parse(await old.text());
  assert.deepEqual([old.status, code], [409, "incarnation-changed"]);
  assert.match(detail, /store that was replaced/);
  const waited = await meshctl(["wait", "--for=distributed", "--revision", applied.revision]);
  assert.equal(waited.code, 1);
  assert.match(waited.stderr, /replaced/);

  // The agent was asked to say again what runs, and its proxy acknowledges what is there now.
  await until(() => isKnown(workload.workload), "the workload is registered again");
  await good(["wait", "--for=distributed", "--timeout", "30s"]);
  await good(["apply", "-f", "-"], virtualService("after", "details"));
  await workloads.stop();
});

test("a file that is damaged, cut off, not ours, or of another key is refused, and nothing is written", async () => {
  await good(["backup", "b.backup", "--passphrase-file", "passphrase"]);
  const whole = await readFile(at("b.backup"));
  const flipped = Buffer.from(whole);
  flipped.writeUInt8(whole.readUInt8(whole.length - 100) ^ 4, whole.length - 100);
  await writeFile(at("flipped.backup"), flipped);
  await writeFile(at("cut.backup"), whole.subarray(0, whole.length - 10));
  await writeFile(at("none.backup"), "hello");
  await writeFile(at("other-passphrase.backup"), whole);
  const before = await revisionNow();
  const restored = (file: string, ...secret: string[]): Promise<Ran> =>
    meshctl(["restore", file, "--force", ...secret]);
  const passphrase = ["--passphrase-file", "passphrase"];
  const cases: readonly (readonly [Promise<Ran>, number, RegExp])[] = [
    [restored("flipped.backup", ...passphrase), 65, /not as it was written/],
    [restored("cut.backup", ...passphrase), 65, /ends too early/],
    [restored("none.backup", ...passphrase), 65, /no backup of Weft/],
    [restored("b.backup", ...withKey), 65, /sealed with a passphrase/],
    [restored("a.backup", "--key-file", "other-key"), 1, /this key is not the one/],
    [restored("b.backup"), 64, /--key-file/],
    [meshctl(["backup", "b.backup", ...withKey]), 1, /never overwritten/],
  ];
  for (const [ran, status, words] of cases) {
    const { code, stderr } = await ran;
    assert.match(stderr, words);
    assert.equal(code, status, stderr);
  }
  assert.equal(await revisionNow(), before);
  const dry = await meshctl(["restore", "b.backup", ...passphrase, "--dry-run"]);
  assert.match(dry.stderr, /object.*nothing was written/s);
  assert.equal(await revisionNow(), before);
});

test("all of NATS lost: a mesh that starts empty takes the backup, and its root is the one of before", async () => {
  const root = await rootTrustedByAgent();
  const { stateDir } = mesh;
  assert.equal(await mesh.stop(), 0);
  await rm(join(stateDir, "nats-0"), { recursive: true, force: true });
  mesh = await Mesh.start({ demo: false, stateDir });
  assert.doesNotMatch(await names(), /kept/);

  assert.notEqual(await rootTrustedByAgent(), root, "an empty mesh made a root of its own");
  // `dev` gave its agent a new token, so a host has joined already.
  await good(["restore", "a.backup", ...withKey, "--force"]);
  assert.match(await names(), /kept/);
  assert.equal(await mesh.stop(), 0);
  mesh = await Mesh.start({ demo: false, stateDir });
  const workloads = new Workloads(mesh);
  await workloads.sidecar({ service: "reviews", ports: [{ name: "http", port: 80, appPort: 9080 }] });
  await good(["wait", "--for=distributed", "--timeout", "30s"]);
  assert.equal(await rootTrustedByAgent(), root);
  await workloads.stop();
});

test("without the key that sealed it the authority's root is lost, and that is said before anything is written", async () => {
  const { stateDir } = mesh;
  assert.equal(await mesh.stop(), 0);
  await rm(join(stateDir, "nats-0"), { recursive: true, force: true });
  await rm(join(stateDir, "agent-0"), { recursive: true, force: true });
  await rm(join(stateDir, "authority.key"));
  mesh = await Mesh.start({ demo: false, stateDir });
  const before = await revisionNow();
  const refused = await meshctl(["restore", "a.backup", ...withKey, "--force"]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /sealed with key [0-9a-f]{16}.*--authority-key.*--new-authority/);
  assert.equal((await revisionNow()).split("-")[0], before.split("-")[0]);
  await good(["restore", "a.backup", ...withKey, "--force", "--new-authority"]);
  assert.match(await names(), /kept/);
});
