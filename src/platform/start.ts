/**
 * How each program begins: its main.ts names it and what to load, and nothing else. What Node compiles of it is kept in
 * the user's cache directory, which halves the start; where that cannot be written, it is only slower. A Node too old
 * to read the rest is refused in one line, so this file and its imports must load on those.
 */
import module from "node:module";
import { compiledDirectory, packageManifest } from "./installation.ts";

export async function start(program: string, load: () => Promise<unknown>): Promise<void> {
  const wanted = packageManifest().engines.node.replace(/^\D+/, "");
  if (isOlder(process.versions.node, wanted)) {
    process.stderr.write(`${program}: needs Node ${wanted} or later; this is ${process.versions.node}\n`);
    process.exitCode = 1;
    return;
  }
  // Whoever started us meant this process alone; what we start may be somebody else's program.
  if (process.env.NODE_COMPILE_CACHE === compiledDirectory) delete process.env.NODE_COMPILE_CACHE;
  module.enableCompileCache(compiledDirectory);
  await load();
}

/** Once all is loaded: Node keeps what it compiled only when a process ends by itself, and ours may be killed. */
export function keepCompiled(): void {
  module.flushCompileCache();
}

function isOlder(version: string, than: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [wantedMajor = 0, wantedMinor = 0] = than.split(".").map(Number);
  return major < wantedMajor || (major === wantedMajor && minor < wantedMinor);
}
