// The second way to nats-server: Go builds it from the pinned module, which Go checks against its checksum database.

import { mkdirSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { run } from "./child.mjs";

/** Asks the shell and not Go: even `go version` writes into the user's home. */
export function hasGo() {
  return run("sh", ["-c", "command -v go"]).then(
    () => true,
    () => false,
  );
}

/** Builds in `work` alone, so that no module cache grows in the user's home, yet with the user's own settings for Go. */
export async function builtByGo(pin, work) {
  const bin = join(work, "bin");
  mkdirSync(bin);
  const env = {
    ...process.env,
    GOENV: process.env.GOENV || join(userConfigDir(), "go", "env"),
    HOME: work,
    GOPATH: join(work, "go"),
    GOMODCACHE: join(work, "modules"),
    GOCACHE: join(work, "cache"),
    XDG_CACHE_HOME: undefined,
    XDG_CONFIG_HOME: undefined,
    GOBIN: bin,
    GOFLAGS: "-trimpath -modcacherw", // writable, or the folder could not be removed
  };
  await run("go", ["install", `${pin.goModule}@v${pin.version}`], { env });
  return join(bin, pin.binary);
}

/** Where Go looks for the user's settings when nothing else is said. */
function userConfigDir() {
  if (process.platform === "darwin") return join(homedir(), "Library", "Application Support");
  return process.env.XDG_CONFIG_HOME || join(homedir(), ".config");
}
