/**
 * The package as npm would publish it, installed in a folder of its own. Its dependencies are links to those of the
 * checkout, and only to those that package.json asks for, so nothing is fetched and one that is missing there is missed.
 */
import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const root = join(import.meta.dirname, "../..");
const tools = join(root, "node_modules/.weft/bin");

export interface InstalledPackage {
  /** A folder that is away with `remove`. */
  readonly folder: string;
  /** Path of its meshctl, as npm links it. */
  readonly meshctl: string;
  /** What it ships, as paths inside the package. */
  readonly files: readonly string[];
  readonly packedBytes: number;
  /** A value for PATH with Node and these tools, and else only what every system has. */
  pathWith(...names: readonly ("envoy" | "nats-server")[]): string;
  remove(): void;
}

/** Builds `dist/` of the checkout on the way, as publishing does (.npmrc keeps npm from running scripts unasked). */
export async function installPackage(): Promise<InstalledPackage> {
  const folder = mkdtempSync(join(tmpdir(), "weft-package-"));
  await run("npm", ["pack", "--ignore-scripts=false", "--pack-destination", folder], { cwd: root });
  const [packed = ""] = readdirSync(folder);
  const { stdout: list } = await run("tar", ["-tzf", join(folder, packed)]);
  const modules = join(folder, "node_modules");
  const home = join(modules, "@weft-mesh/weft");
  mkdirSync(home, { recursive: true });
  await run("tar", ["-xzf", join(folder, packed), "-C", home, "--strip-components=1"]);
  linkDependencies(modules);
  mkdirSync(join(modules, ".bin"));
  symlinkSync("../@weft-mesh/weft/bin/meshctl", join(modules, ".bin/meshctl"));
  return {
    folder,
    meshctl: join(modules, ".bin/meshctl"),
    files: list
      .trim()
      .split("\n")
      .map((path) => path.replace("package/", "")),
    packedBytes: statSync(join(folder, packed)).size,
    pathWith(...names) {
      const path = join(folder, ["path", ...names].join("-"));
      mkdirSync(path);
      for (const name of ["node", ...names]) symlinkSync(join(tools, name), join(path, name));
      return `${path}:/usr/bin:/bin`;
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

function linkDependencies(modules: string): void {
  const { dependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  for (const name of Object.keys(dependencies)) {
    mkdirSync(dirname(join(modules, name)), { recursive: true });
    symlinkSync(join(root, "node_modules", name), join(modules, name));
  }
}
