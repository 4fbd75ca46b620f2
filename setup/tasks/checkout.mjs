// What the tasks share: where the checkout is and how to run one of its tools.

import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { modulesDir, root } from "../paths.mjs";

export { root };

/** A tool's own binary, without npm's JavaScript wrapper in front of it where the package has one. */
export const biome = [join(modulesDir, "@biomejs", "biome", "bin", "biome")];
export const tsc = [join(modulesDir, "typescript", "bin", "tsc")];

/** Paths of all files below a folder, relative to it. */
export function filesIn(folder) {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => relative(folder, join(entry.parentPath, entry.name)));
}

/** Runs a JavaScript program with this Node in the checkout. Resolves to its exit status and everything it printed. */
export function runNode(args, { show = false } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { cwd: root, stdio: show ? "inherit" : ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (chunk) => {
        output += chunk;
      });
    }
    child.on("error", reject);
    child.on("close", (code) => resolve({ ok: code === 0, output }));
  });
}
