// Whether everything is as this checkout asks for. run.sh asks the cheaper question first (is any input newer than the state
// file?); this is the exact answer, by hashes.

import { existsSync, readdirSync, readFileSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { hashOf } from "./hash.mjs";
import { isLinked, replaceFile } from "./links.mjs";
import { generatedDir, root, setupDir, stateFile } from "./paths.mjs";

/** Hash of all that decides what set-up makes. The path is part of it: a checkout that was moved is set up again. */
export function wantedState() {
  const lockfiles = [
    join(root, "package-lock.json"),
    join(setupDir, "node", "package-lock.json"),
    join(setupDir, "pins.json"),
  ];
  const sources = [setupDir, join(setupDir, "protobuf")].flatMap((folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith(".mjs") && !name.endsWith(".test.mjs"))
      .sort()
      .map((name) => join(folder, name)),
  );
  return hashOf([...lockfiles, ...sources], root);
}

export function isUpToDate(wanted) {
  const have = existsSync(stateFile) ? readFileSync(stateFile, "utf8") : undefined;
  return have === wanted && isLinked() && existsSync(join(generatedDir, ".inputs"));
}

export function writeState(wanted) {
  replaceFile(stateFile, wanted);
}

/** Makes the state file newer than every input, so that run.sh need not ask again. */
export function touchState() {
  utimesSync(stateFile, new Date(), new Date());
}
