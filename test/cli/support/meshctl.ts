/** Runs meshctl as its users do: a process of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type MeshFile, meshFileName, printMeshFile } from "../../../src/cli/mesh_file.ts";

const main = join(import.meta.dirname, "../../../src/cli/main.ts");

export interface Finished {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

export interface MeshctlOptions {
  readonly stdin?: string;
  readonly environment?: Readonly<Record<string, string>>;
}

export function startMeshctl(args: readonly string[], { environment = {} }: MeshctlOptions = {}): ChildProcess {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith("MESHCTL_"));
  return spawn(process.execPath, [main, ...args], {
    env: { ...Object.fromEntries(own), ...environment },
    stdio: "pipe",
  });
}

export function finish(child: ChildProcess): Promise<Finished> {
  let out = "";
  let err = "";
  child.stdout?.on("data", (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    err += chunk.toString();
  });
  return new Promise((resolve) => child.on("close", (status) => resolve({ status, out, err })));
}

export function meshctl(args: readonly string[], options: MeshctlOptions = {}): Promise<Finished> {
  const child = startMeshctl(args, options);
  child.stdin?.on("error", () => {});
  child.stdin?.end(options.stdin ?? "");
  return finish(child);
}

export async function temporaryDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "weft-cli-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** A state directory with a dev.json in it. */
export async function stateDirectory(t: TestContext, mesh: Partial<MeshFile>): Promise<string> {
  const directory = await temporaryDirectory(t);
  const whole: MeshFile = {
    pid: process.pid,
    startedAt: "2026-01-01T00:00:00Z",
    token: null,
    nodes: [],
    nats: [],
    agents: [],
    clusters: ["local"],
    dashboard: null,
    ...mesh,
  };
  await writeFile(join(directory, meshFileName), printMeshFile(whole));
  return directory;
}
