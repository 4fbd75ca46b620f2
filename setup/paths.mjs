// Every path that set-up reads or writes. Nothing outside the checkout and the user's cache directory is ever written.

import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
export const setupDir = join(root, "setup");
export const modulesDir = join(root, "node_modules");
export const binDir = join(modulesDir, ".bin");
export const generatedDir = join(root, "generated");

/** What set-up leaves for later runs and for the programs: `state`, `tools.json`, and `bin/` with links to the tools. */
export const weftDir = join(modulesDir, ".weft");
export const toolsDir = join(weftDir, "bin");
export const stateFile = join(weftDir, "state");
export const toolsFile = join(weftDir, "tools.json");

/** Outside node_modules, because `npm ci` empties that folder while the lock is held. */
export const lockFile = join(root, ".setup.lock");

/** Shared by all checkouts of this user; an entry's name holds its hash, so entries never change and need no lock. */
export const cacheDir = join(process.env.XDG_CACHE_HOME || join(process.env.HOME || homedir(), ".cache"), "weft");
