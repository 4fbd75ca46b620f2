// Where Weft runs. Whatever is not named here is refused at once, before anything is fetched.

import pins from "./pins.mjs";
import { SetupError } from "./progress.mjs";

const minimumNodeMajor = 18;
const supported = new Set(["linux-x64", "linux-arm64", "darwin-arm64", "darwin-x64"]);

/** The key under which pins.json keeps a platform's files. */
export const platform = `${process.platform}-${process.arch}`;

export function checkPlatform() {
  if (!supported.has(platform)) {
    throw new SetupError(`Weft runs on Linux (x64, arm64) and macOS (arm64, x64); this machine is ${platform}`);
  }
  const major = Number(process.versions.node.split(".")[0]);
  if (major < minimumNodeMajor) {
    throw new SetupError(
      `set-up needs Node ${minimumNodeMajor} or later to start; this is ${process.version} (${process.execPath})`,
    );
  }
}

/** What is pinned of `tool` for this machine, or undefined. The binaries are linked against glibc, which musl systems lack. */
export function pinnedFile(tool) {
  if (process.platform === "linux" && !process.report.getReport().header.glibcVersionRuntime) return undefined;
  return pins[tool].files[platform];
}
