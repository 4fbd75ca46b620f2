// The user's cache of binaries. An entry is a folder named by what is in it and its hash; it appears whole, by a rename, and is
// never changed, so that checkouts can share it without a lock.

import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { cacheDir } from "./paths.mjs";

const workPrefix = ".fetch-";
/** A fetch that was killed leaves its folder; none that is alive takes this long. */
const abandonedAfterMs = 60 * 60 * 1000;

/** Where the binary `name` of this version and hash is, or would be. */
export function cachedPath({ name, version, hash }) {
  return join(cacheDir, `${name}-${version}-${hash.slice(0, 16)}`, name);
}

/**
 * Puts a binary there. `fetch` gets an empty folder to work in and answers the path of the binary in it. Another set-up that was
 * quicker is fine: its entry has the same content.
 */
export async function addToCache(entry, fetch) {
  const target = cachedPath(entry);
  mkdirSync(cacheDir, { recursive: true });
  removeAbandoned();
  const work = mkdtempSync(join(cacheDir, workPrefix));
  try {
    const made = join(work, ".entry");
    mkdirSync(made);
    const binary = join(made, entry.name);
    renameSync(await fetch(work), binary);
    chmodSync(binary, 0o755);
    if (!existsSync(target)) renameInto(made, join(target, ".."));
    return target;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function renameInto(made, folder) {
  try {
    renameSync(made, folder);
  } catch (error) {
    if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
  }
}

function removeAbandoned() {
  for (const name of readdirSync(cacheDir)) {
    const path = join(cacheDir, name);
    const age = name.startsWith(workPrefix) ? Date.now() - statSync(path).mtimeMs : 0;
    if (age > abandonedAfterMs) rmSync(path, { recursive: true, force: true });
  }
}
