// Looks for programs that the machine already has.

import { spawnSync } from "node:child_process";
import { closeSync, openSync, readSync, realpathSync, statSync } from "node:fs";
import { delimiter, join, sep } from "node:path";
import { cacheDir, modulesDir } from "./paths.mjs";
import { atLeast, versionIn } from "./version.mjs";

/** A program that does not answer `--version` in this time is not one we want to supervise. */
const answerTimeoutMs = 5_000;

/**
 * The first `name` on PATH of at least version `minimum`, as {path, version}, or undefined. Only real binaries count: a wrapper
 * script would stand between us and the process that we signal.
 */
export function onPath(name, minimum) {
  const seen = new Set();
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    const path = folder && binaryAt(join(folder, name));
    if (!path || seen.has(path)) continue;
    seen.add(path);
    const version = versionOf(path);
    if (version && atLeast(version, minimum)) return { path, version };
  }
  return undefined;
}

/** What `path --version` says, or undefined when it cannot be run. */
export function versionOf(path) {
  const answer = spawnSync(path, ["--version"], { encoding: "utf8", timeout: answerTimeoutMs });
  return answer.status === 0 ? versionIn(answer.stdout) : undefined;
}

function binaryAt(candidate) {
  try {
    const path = realpathSync(candidate);
    return statSync(path).isFile() && !isOurs(path) && isNative(path) ? path : undefined;
  } catch {
    return undefined;
  }
}

/** npm puts our own links first on PATH; what they lead to is not the machine's. */
function isOurs(path) {
  return [cacheDir, modulesDir].some((folder) => path.startsWith(folder + sep));
}

function isNative(path) {
  const magic = Buffer.alloc(4);
  const file = openSync(path, "r");
  try {
    readSync(file, magic, 0, 4, 0);
  } finally {
    closeSync(file);
  }
  const elf = 0x7f454c46;
  const machO = [0xcffaedfe, 0xcafebabe];
  return magic.readUInt32BE() === elf || machO.includes(magic.readUInt32BE());
}
