/**
 * Finding the mesh that a command speaks to: `--server`, MESHCTL_SERVER, `--state-dir`, MESHCTL_STATE_DIR, else the
 * state directory of this checkout (of the user, when installed). Another directory's mesh is never used.
 */
import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { isCheckout, packageRoot } from "../platform/installation.ts";
import type { CliContext } from "./command.ts";
import { CommandFailure, exit } from "./exit.ts";
import { type MeshAgent, type MeshFile, meshFileName, parseMeshFile } from "./mesh_file.ts";

export interface Mesh {
  /** At least one; the first is asked what any node can answer. */
  readonly nodes: readonly [ApiNode, ...ApiNode[]];
  readonly token: string | undefined;
  /** What runs on this machine; undefined when the mesh was named by --server. */
  readonly local: { readonly file: MeshFile; readonly path: string; readonly agents: readonly MeshAgent[] } | undefined;
}

export interface ApiNode {
  readonly name: string;
  readonly api: string;
}

/** Where a mesh on this machine keeps its state, dev.json among it. */
export function stateDirectory(context: Pick<CliContext, "globals" | "environment">): string {
  if (context.globals.stateDir !== undefined) return resolve(context.globals.stateDir);
  if (isCheckout) return join(packageRoot, ".weft");
  return join(context.environment.XDG_STATE_HOME ?? join(homedir(), ".local", "state"), "weft");
}

export async function findMesh(context: CliContext): Promise<Mesh> {
  const { server, cluster } = context.globals;
  if (server !== undefined) return meshAt(server, await tokenFrom(context.environment));
  const path = join(stateDirectory(context), meshFileName);
  const file = await readMeshFile(path, context);
  const wanted = cluster ?? file.clusters[0];
  const [first, ...others] = file.nodes.filter((node) => wanted === undefined || node.cluster === wanted);
  if (!first) {
    throw new CommandFailure(exit.usage, `--cluster ${wanted}: no such cluster; there is ${file.clusters.join(", ")}`);
  }
  return { nodes: [first, ...others], token: file.token ?? undefined, local: { file, path, agents: file.agents } };
}

/** MESHCTL_TOKEN, or the first line of the file that MESHCTL_TOKEN_FILE names: a list of processes shows no file. */
async function tokenFrom(environment: CliContext["environment"]): Promise<string | undefined> {
  const { MESHCTL_TOKEN: token, MESHCTL_TOKEN_FILE: path } = environment;
  if (token) return token;
  if (!path) return undefined;
  const text = await readFile(path, "utf8").catch((cause: Error) => {
    throw new CommandFailure(exit.failed, `read ${path} (MESHCTL_TOKEN_FILE): ${cause.message}`);
  });
  return text.split(/\r?\n/)[0];
}

function meshAt(server: string, token: string | undefined): Mesh {
  const url = URL.parse(/^[^/\s]+:\d+$/.test(server) ? `http://${server}` : server);
  if (url?.protocol !== "http:") {
    throw new CommandFailure(
      exit.usage,
      `--server ${server}: not the URL of an API; write it like http://127.0.0.1:15080`,
    );
  }
  return { nodes: [{ name: url.host, api: url.origin }], token, local: undefined };
}

async function readMeshFile(path: string, context: CliContext): Promise<MeshFile> {
  const text = await readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return undefined;
    throw new CommandFailure(exit.failed, `read ${path}: ${cause.message}`);
  });
  if (text === undefined)
    throw new CommandFailure(exit.failed, `no mesh runs in ${dirname(path)}; ${howToStart(context)}`);
  const file = parsedMeshFile(text, path, context);
  if (isAlive(file.pid)) return file;
  throw new CommandFailure(
    exit.failed,
    `the mesh in ${dirname(path)} (pid ${file.pid}) is gone; ${howToStart(context)}`,
  );
}

function parsedMeshFile(source: string, path: string, context: CliContext): MeshFile {
  try {
    return parseMeshFile(source);
  } catch (cause) {
    const because = cause instanceof Error ? cause.message : String(cause);
    throw new CommandFailure(exit.failed, `read ${path}: ${because}; ${howToStart(context)}`);
  }
}

function howToStart(context: CliContext): string {
  const { stateDir } = context.globals;
  return `start one: meshctl dev${stateDir === undefined ? "" : ` --state-dir ${stateDir}`}`;
}

/** Whether a process of that id exists, whoever owns it. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    return cause instanceof Error && "code" in cause && cause.code === "EPERM";
  }
}
