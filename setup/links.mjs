// What set-up leaves for those who come after it, all inside node_modules:
//
//   .weft/tools.json   {"node": {"path", "version"}, "envoy": {…}, "natsServer": {…}}: absolute paths. Programs read this.
//   .weft/bin/         links: node, envoy, nats-server. The shell launcher (run.sh) uses these, and sees by them what is gone.
//   .bin/              links: meshctl, meshd, mesh-agent to bin/ in the checkout, for npx and PATH; and node, so that npm's
//                      scripts run on the same one.

import { existsSync, mkdirSync, readlinkSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { binDir, root, toolsDir, toolsFile } from "./paths.mjs";

const programs = ["meshctl", "meshd", "mesh-agent"];

export function linkTools({ node, envoy, natsServer }) {
  mkdirSync(toolsDir, { recursive: true });
  mkdirSync(binDir, { recursive: true });
  link(node.path, join(toolsDir, "node"));
  link(envoy.path, join(toolsDir, "envoy"));
  link(natsServer.path, join(toolsDir, "nats-server"));
  link(node.path, join(binDir, "node"));
  for (const program of programs) link(relative(binDir, join(root, "bin", program)), join(binDir, program));
  replaceFile(toolsFile, `${JSON.stringify({ node, envoy, natsServer }, null, 2)}\n`);
}

/** False when anything of the above is missing or leads nowhere. */
export function isLinked() {
  const links = [...["node", "envoy", "nats-server"].map((name) => join(toolsDir, name)), join(binDir, "node")];
  return [...links, ...programs.map((name) => join(binDir, name)), toolsFile].every((path) => existsSync(path));
}

export function replaceFile(path, text) {
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, text);
  renameSync(temporary, path);
}

function link(target, path) {
  if (linkedTo(path) === target) return;
  const temporary = `${path}.${process.pid}`;
  symlinkSync(target, temporary);
  renameSync(temporary, path);
}

function linkedTo(path) {
  try {
    return readlinkSync(path);
  } catch (error) {
    if (error.code === "EINVAL") unlinkSync(path);
    return undefined;
  }
}
