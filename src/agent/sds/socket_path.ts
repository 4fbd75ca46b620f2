/**
 * Where workloads' SDS sockets lie. A Unix socket's path is short by nature, a state directory's need not be, so a
 * directory whose name is a hash of the state directory takes its place when it must. Either is entered by this user
 * alone; one that somebody else made is refused.
 */
import { createHash } from "node:crypto";
import { lstatSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { WorkloadName } from "../../model/names.ts";
import { WeftError } from "../../platform/error.ts";
import { limits } from "../../platform/limits.ts";

const hashLength = 16;
const nameBytes = "/".length + hashLength + ".sock".length;

export function socketDirectory(stateRoot: string, environment: NodeJS.ProcessEnv): string {
  const own = join(stateRoot, "sds");
  if (Buffer.byteLength(own) + nameBytes <= limits.socketPathBytes) return own;
  return join(environment.XDG_RUNTIME_DIR ?? tmpdir(), `weft-${shortHash(stateRoot)}`);
}

export function socketPath(directory: string, workload: WorkloadName): string {
  return join(directory, `${shortHash(workload)}.sock`);
}

export function makePrivateDirectory(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const found = lstatSync(path);
  const ours = found.isDirectory() && found.uid === process.getuid?.() && (found.mode & 0o077) === 0;
  if (ours) return;
  const because = "it is not a directory that this user alone may enter";
  const next = "remove it, or set XDG_RUNTIME_DIR";
  throw new WeftError({ code: "denied", retry: "never", attempted: `use ${path}`, because, next });
}

function shortHash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, hashLength);
}
