// The npm packages of the lockfile.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { npmCi } from "./npm.mjs";
import { modulesDir, root } from "./paths.mjs";
import pins from "./pins.mjs";
import { megabytes, step } from "./progress.mjs";

const lockfile = join(root, "package-lock.json");
/** What npm itself writes down about what it has installed. */
const installedList = join(modulesDir, ".package-lock.json");

export async function ensurePackages() {
  const wanted = packagesIn(lockfile);
  if (isInstalled(wanted)) return;
  const title = `installing ${Object.keys(wanted).length - 1} npm packages at most (about ${megabytes(pins.npmPackages.bytes)})`;
  await step(title, () => npmCi(root));
}

/** True when npm's own list has every package at the lockfile's hash. Optional ones may be missing: they are other platforms'. */
function isInstalled(wanted) {
  let have;
  try {
    have = packagesIn(installedList);
  } catch {
    return false;
  }
  const names = Object.keys(wanted).filter((name) => name !== "");
  return names.every((name) =>
    have[name] ? have[name].integrity === wanted[name].integrity : wanted[name].optional === true,
  );
}

function packagesIn(file) {
  return JSON.parse(readFileSync(file, "utf8")).packages;
}
