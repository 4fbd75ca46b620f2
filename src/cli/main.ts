#!/usr/bin/env node
/**
 * meshctl. What it loads is kept compiled in the user's cache directory, which halves the start of a command; where
 * that cannot be written, it is only slower.
 */
import { enableCompileCache } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";

enableCompileCache(join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "weft", "compiled"));
await import("./process.ts");
