// A restore of thousands of objects whose node, or whose meshctl, is killed in the middle: what is there afterwards is what was
// before or what was restored, whole, and the same command again makes it the latter.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { inflateBackup } from "../support/backup_file.ts";
import { Mesh, meshctlEntry } from "../support/mesh.ts";

const objects = 3_000;
const virtualService = (name: string): string => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: ${name} }
spec: { hosts: [${name}], http: [{ route: [{ destination: { host: ${name} } }] }] }
`;

let directory: string;
let mesh: Mesh;
/** How long a whole restore takes here, ms. */
let wholeMs = 0;
const at = (name: string): string => join(directory, name);
const restore = (): string[] => ["restore", at("large"), "--key-file", at("key"), "--force"];

before(async () => {
  directory = await mkdtemp(join(tmpdir(), "weft-killed-"));
  await writeFile(at("key"), `${randomBytes(32).toString("base64")}\n`);
  mesh = await Mesh.start({ demo: false });
  await good(["apply", "-f", "-"], virtualService("kept"));
  await good(["backup", at("small"), "--key-file", at("key")]);
  await inflateBackup({ from: at("small"), to: at("large"), keyFile: at("key"), objects });
  const startedMs = performance.now();
  await good(restore());
  wholeMs = performance.now() - startedMs;
});
after(async () => {
  await mesh.remove();
  await rm(directory, { recursive: true, force: true });
});

async function good(args: readonly string[], input?: string): Promise<void> {
  const { code, stderr } = await mesh.meshctl(args, input);
  assert.equal(code, 0, stderr);
}

interface Truth {
  readonly incarnation: string;
  readonly objects: number;
}

/** As soon as the node answers. */
async function truth(): Promise<Truth> {
  for (const endsAt = Date.now() + 60_000; Date.now() < endsAt; await wait(50)) {
    const response = await mesh.api("/readyz").catch(() => undefined);
    if (response?.status !== 200) continue;
    const { revision, items }: { readonly revision: string; readonly items: readonly unknown[] } = JSON.parse(
      await (await mesh.api("/v1/resources")).text(),
    );
    return { incarnation: revision.split("-")[0] ?? "", objects: items.length };
  }
  return assert.fail("the node does not come back");
}

/** The same restore again; the one that was left without its meshctl may still be under way. */
async function again(): Promise<void> {
  for (;;) {
    const { code, stderr } = await mesh.meshctl(restore());
    if (code === 0) return;
    assert.match(stderr, /another restore is under way/);
  }
}

/** Starts a restore and kills its node or its meshctl so much later. */
async function killed(whom: "meshd" | "meshctl", afterMs: number): Promise<void> {
  const child = spawn(process.execPath, [meshctlEntry, "--state-dir", mesh.stateDir, ...restore()], {
    stdio: "ignore",
  });
  const ended = once(child, "close");
  await wait(afterMs);
  if (whom === "meshctl") child.kill("SIGKILL");
  else await mesh.restartOf("meshd-0", () => process.kill(mesh.pidOf("meshd-0") ?? 0, "SIGKILL"));
  await ended;
}

for (const whom of ["meshd", "meshctl"] as const) {
  test(`kill -9 of ${whom} at two moments of a restore`, { timeout: 180_000 }, async (t) => {
    const seen = new Set<string>();
    for (const share of [0.4, 0.95]) {
      const afterMs = share * wholeMs;
      const before = await truth();
      await killed(whom, afterMs);
      const now = await truth();
      const whole = now.incarnation === before.incarnation ? before.objects : objects;
      // A restore whose meshctl is gone may still end well while we look: both are whole.
      assert.ok([whole, objects].includes(now.objects), `${now.objects} objects after ${afterMs} ms`);
      seen.add(now.incarnation === before.incarnation ? "before" : "restored");
    }
    t.diagnostic(`a whole restore: ${Math.round(wholeMs)} ms; seen: ${[...seen].join(", ")}`);
    await again();
    assert.equal((await truth()).objects, objects);
    await good(["apply", "-f", "-"], virtualService("later"));
    assert.equal((await truth()).objects, objects + 1);
  });
}
