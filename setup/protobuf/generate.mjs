// Compiles Envoy's API into `generated/`: JavaScript with declarations, imported as `#envoy/…_pb.js`. JavaScript, because
// TypeScript's enums cannot be run by erasing types. Nothing here needs the network.
//
// The `.proto` tree comes with the npm package @grpc/grpc-js-xds, the compiler with @bufbuild/buf, the generator with
// @bufbuild/protoc-gen-es. The tree is copied, with our additions, into a temporary folder; the result is moved into place
// only when it is whole.

import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { run } from "../child.mjs";
import { hashOf } from "../hash.mjs";
import { generatedDir, modulesDir, root, setupDir } from "../paths.mjs";
import { withAdditions } from "./additions.mjs";
import { readTree } from "./tree.mjs";

const inputsFile = join(generatedDir, ".inputs");
const treeDir = join(modulesDir, "@grpc/grpc-js-xds/deps");
const treeRoots = ["envoy-api", "xds", "protoc-gen-validate", "googleapis"].map((name) => join(treeDir, name));

/** What the result depends on: this folder's files and the versions of the three packages. */
export function protobufInputs() {
  const sources = ["additions.mjs", "generate.mjs", "tree.mjs"].map((file) => join(setupDir, "protobuf", file));
  const packages = ["@grpc/grpc-js-xds", "@bufbuild/buf", "@bufbuild/protoc-gen-es"];
  return hashOf(sources, ...packages.map((name) => readFileSync(join(modulesDir, name, "package.json"), "utf8")));
}

export function isGenerated(inputs) {
  return existsSync(inputsFile) && readFileSync(inputsFile, "utf8") === inputs;
}

/** `node` runs the generator. Returns what to tell the user. */
export async function generateProtobuf(inputs, node) {
  const work = join(root, `generated.${process.pid}.tmp`);
  try {
    const { files, left } = readTree(treeRoots);
    const protos = join(work, "proto");
    for (const [path, text] of files) {
      mkdirSync(join(protos, dirname(path)), { recursive: true });
      writeFileSync(join(protos, path), withAdditions(path, text));
    }
    writeFileSync(join(protos, "buf.yaml"), JSON.stringify({ version: "v2" }));
    const template = {
      version: "v2",
      plugins: [
        {
          local: [node, join(modulesDir, "@bufbuild/protoc-gen-es/bin/protoc-gen-es")],
          out: join(work, "out"),
          strategy: "all", // one run of the generator instead of one per folder: 2 s instead of 48
          opt: ["target=js+dts", "import_extension=js"],
        },
      ],
    };
    const environment = { ...process.env, BUF_CACHE_DIR: join(work, "cache") };
    await run(bufBinary(), ["generate", "--template", JSON.stringify(template)], { cwd: protos, env: environment });
    writeFileSync(join(work, "out", ".inputs"), inputs);
    rmSync(generatedDir, { recursive: true, force: true });
    renameSync(join(work, "out"), generatedDir);
    return `${files.size} files${left.length > 0 ? `, ${left.length} left out for want of what they import` : ""}`;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The platform's own binary: the package's JavaScript wrapper would only add a process. */
function bufBinary() {
  const arch = process.arch === "arm64" && process.platform === "linux" ? "aarch64" : process.arch;
  return join(modulesDir, `@bufbuild/buf-${process.platform}-${arch}`, "bin", "buf");
}
