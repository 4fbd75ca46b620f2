// `npm run build`: dist/, which is what the published package runs; nothing in a checkout needs it. It holds the JavaScript and
// declarations of src/, what lies there beside them (the live page's files), and of the generated protobuf only what those
// import: 2 MB of 8. A package.json of its own tells Node where `#envoy/…` is there. The old dist/ is replaced whole.

import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { generatedDir } from "../paths.mjs";
import { filesIn, root, runNode, tsc } from "./checkout.mjs";

const source = join(root, "src");
const target = join(root, "dist");
const work = `${target}.${process.pid}.tmp`;

try {
  const { ok } = await runNode([...tsc, "-p", "tsconfig.build.json", "--outDir", work], { show: true });
  if (ok) {
    copyAssets();
    copyGenerated();
    writeFileSync(
      join(work, "package.json"),
      `${JSON.stringify({ type: "module", imports: { "#envoy/*": "./generated/*" } })}\n`,
    );
    rmSync(target, { recursive: true, force: true });
    renameSync(work, target);
  }
  process.exitCode = ok ? 0 : 1;
} finally {
  rmSync(work, { recursive: true, force: true });
}

function copyAssets() {
  for (const file of filesIn(source).filter((name) => !name.endsWith(".ts")))
    cpSync(join(source, file), join(work, file));
}

function copyGenerated() {
  const code = filesIn(work).filter((name) => /\.(js|d\.ts)$/.test(name));
  const waiting = code.flatMap((name) =>
    imported(join(work, name), /"#envoy\/([^"]+)"/g).map((path) => formOf(path, name)),
  );
  const copied = new Set();
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (copied.has(path)) continue;
    copied.add(path);
    const [from, to] = [generatedDir, join(work, "generated")].map((folder) => join(folder, path));
    mkdirSync(dirname(to), { recursive: true });
    cpSync(from, to);
    for (const next of imported(from, /from "(\.[^"]+)"/g)) waiting.push(formOf(join(dirname(path), next), path));
  }
}

/** A declaration needs the declarations of what it names, code needs the code. */
function formOf(path, importer) {
  return importer.endsWith(".d.ts") ? path.replace(/\.js$/, ".d.ts") : path;
}

function imported(file, pattern) {
  return [...readFileSync(file, "utf8").matchAll(pattern)].map(([, path]) => path);
}
