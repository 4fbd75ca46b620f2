/**
 * A backup and a restore of many objects on one node with one nats-server: how long, and what memory the node came to.
 *
 *   npm run bench -- backup [--objects 10000] [--json]
 */
import { randomBytes } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { inflateBackup } from "../test/support/backup_file.ts";
import { endsWithUs } from "../test/support/ends_with_us.ts";
import { Mesh } from "../test/support/mesh.ts";

const { values } = parseArgs({
  options: { objects: { type: "string", default: "10000" }, json: { type: "boolean", default: false } },
});
const objects = Number(values.objects);

const directory = await mkdtemp(join(tmpdir(), "weft-bench-backup-"));
const at = (name: string): string => join(directory, name);
const mesh = await Mesh.start({ demo: false });
endsWithUs(mesh);

async function timed(args: readonly string[], input?: string): Promise<number> {
  const startedMs = performance.now();
  const { code, stderr } = await mesh.meshctl([...args], input);
  if (code !== 0) throw new Error(stderr);
  return Math.round(performance.now() - startedMs);
}

/** Of the node, in MB: now, and at most since it was started. */
function memory(): { readonly now: number; readonly most: number } {
  const status = readFileSync(`/proc/${mesh.pidOf("meshd-0")}/status`, "utf8");
  const of = (field: string): number => Math.round(Number(new RegExp(`${field}:\\s*(\\d+)`).exec(status)?.[1]) / 1_024);
  return { now: of("VmRSS"), most: of("VmHWM") };
}

const object = `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: one }
spec: { hosts: [one], http: [{ route: [{ destination: { host: one } }] }] }
`;
const key = ["--key-file", at("key")];
await writeFile(at("key"), `${randomBytes(32).toString("base64")}\n`);
await timed(["apply", "-f", "-"], object);
await timed(["backup", at("small"), ...key]);
await inflateBackup({ from: at("small"), to: at("large"), keyFile: at("key"), objects });
const idle = memory();
const restoreMs = await timed(["restore", at("large"), ...key, "--force"]);
const restored = memory();
const backupMs = await timed(["backup", at("again"), ...key]);
const report = {
  objects,
  bytes: statSync(at("again")).size,
  restoreMs,
  backupMs,
  memoryMb: { idle: idle.now, restoreMost: restored.most, backupMost: memory().most },
};
if (values.json) console.log(JSON.stringify(report));
else {
  console.log(`${objects} objects, ${report.bytes} bytes of backup`);
  console.log(`restore ${restoreMs} ms, backup ${backupMs} ms (meshctl's start included)`);
  console.log(
    `node: ${idle.now} MB before, at most ${restored.most} MB in the restore, ${report.memoryMb.backupMost} MB with the backup`,
  );
}
await mesh.remove();
await rm(directory, { recursive: true, force: true });
