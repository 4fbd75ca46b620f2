// The Node that runs Weft: the machine's own when it can run TypeScript as it is, else the pinned one. That one is what npm's
// package `node` would install by a script; set-up takes the platform packages behind it, from a lockfile with their hashes.

import { copyFileSync, existsSync, readFileSync } from "node:fs";
import { join, sep } from "node:path";
import { addToCache, cachedPath } from "./cache.mjs";
import { npmCi } from "./npm.mjs";
import { onPath } from "./on_path.mjs";
import { cacheDir, setupDir } from "./paths.mjs";
import pins from "./pins.mjs";
import { platform } from "./platform.mjs";
import { megabytes, SetupError, step } from "./progress.mjs";
import { atLeast } from "./version.mjs";

const pin = pins.node;
const manifests = join(setupDir, "node");

/** Returns {path, version}. */
export async function findNode() {
  const own = machinesNode();
  if (own) return own;
  const name = `node-${platform}`;
  const hash = pinnedHash(name);
  if (!hash)
    throw new SetupError(
      `Weft needs Node ${pin.minimum} or later, and none is pinned for ${platform}; install it and try again`,
    );
  const entry = { name: "node", version: pin.version, hash };
  const path = cachedPath(entry);
  if (!existsSync(path)) {
    const title = `fetching Node ${pin.version} (${megabytes(pin.bytes[platform])}), as this machine's is ${process.version}`;
    await step(title, async () => {
      await addToCache(entry, (work) => fromNpm(name, work));
    });
  }
  return { path, version: pin.version };
}

function machinesNode() {
  const version = process.version.slice(1);
  const isPinned = process.execPath.startsWith(cacheDir + sep);
  if (!isPinned && atLeast(version, pin.minimum)) return { path: process.execPath, version };
  return onPath("node", pin.minimum);
}

async function fromNpm(name, work) {
  for (const file of ["package.json", "package-lock.json"]) copyFileSync(join(manifests, file), join(work, file));
  await npmCi(work);
  return join(work, "node_modules", name, "bin", "node");
}

/** The lockfile's hash as words that a folder may be named by. */
function pinnedHash(name) {
  const { packages } = JSON.parse(readFileSync(join(manifests, "package-lock.json"), "utf8"));
  const integrity = packages[`node_modules/${name}`]?.integrity;
  return integrity && Buffer.from(integrity.replace(/^sha512-/, ""), "base64").toString("hex");
}
