/**
 * Where this program's own files and tools are. Two forms exist: a checkout, whose sources run as they are and whose
 * set-up has found or fetched the tools; and an installed package, which holds what was built of the sources and takes
 * the tools from PATH. Everybody who needs a path relative to the program asks here.
 */
import { accessSync, constants, existsSync, readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, dirname, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { object, text } from "./decode.ts";

const here = fileURLToPath(import.meta.url);
const rooms = dirname(dirname(here));

export const isCheckout = extname(here) === ".ts";
/** The checkout, or the installed package. */
export const packageRoot = dirname(rooms);
/** Node's cache of compiled code, shared by all programs of this user. */
export const compiledDirectory = join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "weft", "compiled");

/** The file that runs as that module of ours: "meshd/main". */
export function moduleFile(module: string): string {
  return join(rooms, `${module}${extname(here)}`);
}

/**
 * What Node is told when it runs the module; bin/ and setup/run.sh say the same. meshd: a young generation of V8's default
 * size, 64 MiB twice, makes a node larger by a third, and its first configuration to a fleet slower by a tenth. V8's own
 * threads, four by default, are one fewer than there are cores: on two, four that mark the heap together take the machine from
 * whoever else is on it, for a tenth of a second.
 */
export function nodeFlags(module: string): readonly string[] {
  return module === "meshd/main" ? ["--max-semi-space-size=16", "--v8-pool-size=0"] : [];
}

const manifest = object({ version: text(), engines: object({ node: text() }) });

/** What package.json says. */
export function packageManifest(): ReturnType<typeof manifest> {
  const file = join(packageRoot, "package.json");
  return manifest(JSON.parse(readFileSync(file, "utf8")), file);
}

/** Programs of others that Weft starts, by the names that they have on PATH. */
export type ToolName = "envoy" | "nats-server";
const tool = object({ path: text() });
const toolsFile = object({ envoy: tool, natsServer: tool });

/** Its path; undefined: there is none. */
export function findTool(
  name: ToolName,
  environment: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const file = join(packageRoot, "node_modules", ".weft", "tools.json");
  if (!isCheckout || !existsSync(file)) return onPath(name, environment.PATH ?? "");
  const { envoy, natsServer } = toolsFile(JSON.parse(readFileSync(file, "utf8")), file);
  return { envoy, "nats-server": natsServer }[name].path;
}

function onPath(name: string, path: string): string | undefined {
  const candidates = path.split(delimiter).filter((folder) => folder !== "");
  return candidates.map((folder) => join(folder, name)).find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
