// Which of the delivered `.proto` files to compile: the v3 API of Envoy and xDS, and what it imports. A file is left out when something it
// needs, however far away, is not delivered (a few reach into OpenCensus, Prometheus or the long gone v2 API).

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

/** Compiled into the runtime library already. */
const wellKnown = /^google\/protobuf\//;
const wanted = /^(?:envoy|xds)\/.*\/v3\/[^/]+\.proto$/;
/** Imported by nothing, yet needed to read the details of a gRPC status. */
const alsoWanted = ["google/rpc/status.proto", "google/rpc/error_details.proto"];
const importLine = /^import (?:public |weak )?"([^"]+)";/gm;

/** `roots` are the folders that imports are relative to. Returns a map: import path → its text, for every file to compile. */
export function readTree(roots) {
  const texts = new Map();
  const usable = new Map();

  function text(path) {
    if (!texts.has(path)) {
      const found = roots.map((root) => join(root, path)).find((file) => existsSync(file));
      texts.set(path, found && readFileSync(found, "utf8"));
    }
    return texts.get(path);
  }

  function isUsable(path) {
    if (wellKnown.test(path)) return true;
    const known = usable.get(path);
    if (known !== undefined) return known;
    usable.set(path, true); // imports cannot be cyclic, so this is only until the answer is known
    const source = text(path);
    const answer = source !== undefined && importsOf(source).every(isUsable);
    usable.set(path, answer);
    return answer;
  }

  const chosen = new Map();
  function choose(path) {
    if (wellKnown.test(path) || chosen.has(path)) return;
    chosen.set(path, text(path));
    importsOf(text(path)).forEach(choose);
  }
  const all = roots.flatMap((root) => protoFiles(root).map((file) => relative(root, file)));
  const left = [];
  for (const path of [...all.filter((path) => wanted.test(path)), ...alsoWanted].sort()) {
    if (isUsable(path)) choose(path);
    else left.push(path);
  }
  return { files: chosen, left };
}

function importsOf(source) {
  return [...source.matchAll(importLine)].map((match) => match[1]);
}

function protoFiles(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return protoFiles(path);
    return entry.name.endsWith(".proto") ? [path] : [];
  });
}
