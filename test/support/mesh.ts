/**
 * A whole mesh for a test: `meshctl dev` with real parts, in a state directory of its own, on whatever ports are free.
 * `stop` is Ctrl-C, and the test may then ask whether anything was left.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const root = new URL("../../", import.meta.url).pathname;
export const meshctlEntry = join(root, "src/cli/main.ts");

export interface ReadyNode {
  readonly name: string;
  readonly pid: number;
  readonly api: string;
  readonly xds: string;
  readonly xdsPlaintext?: string;
}

export interface ReadyWorkload {
  readonly name: string;
  readonly namespace: string;
  readonly outbound: string | null;
  readonly inbound: string | null;
  readonly admin: string;
  readonly pids: { readonly envoy: number; readonly command?: number };
}

export interface Ready {
  readonly event: "ready";
  readonly pid: number;
  readonly api: string;
  readonly ingress: string;
  readonly nodes: readonly ReadyNode[];
  readonly nats: readonly { readonly name: string; readonly pid: number }[];
  readonly agents: readonly { readonly name: string; readonly pid: number }[];
  readonly workloads: readonly ReadyWorkload[];
}

export interface Restarted {
  readonly event: "restarted";
  readonly name: string;
  readonly pid: number;
}

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface MeshOptions {
  readonly demo?: boolean;
  readonly args?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Kept from an earlier run; else a new one. */
  readonly stateDir?: string;
  /** Path of another meshctl than this checkout's. */
  readonly meshctl?: string;
}

export class Mesh {
  readonly stateDir: string;
  readonly #process: ChildProcess;
  readonly #lines: unknown[] = [];
  readonly #watchers = new Set<() => void>();
  readonly #stderr: string[] = [];
  #ready: Ready | undefined;

  private constructor(stateDir: string, child: ChildProcess) {
    this.stateDir = stateDir;
    this.#process = child;
    const take = (line: string): void => {
      if (!line.startsWith("{")) return;
      const event = JSON.parse(line);
      this.#lines.push(event);
      // Workloads are told of with --demo only.
      if (event.event === "ready") this.#ready = { workloads: [], ...event };
      for (const watcher of this.#watchers) watcher();
    };
    if (child.stdout) createInterface({ input: child.stdout }).on("line", take);
    child.stderr?.on("data", (chunk: Buffer) => this.#stderr.push(chunk.toString()));
    child.on("exit", () => {
      for (const watcher of this.#watchers) watcher();
    });
  }

  static async start(options: MeshOptions = {}): Promise<Mesh> {
    const stateDir = options.stateDir ?? (await mkdtemp(join(tmpdir(), "weft-mesh-")));
    const [program, ...first] = options.meshctl ? [options.meshctl] : [process.execPath, meshctlEntry];
    const args = [...first, "--state-dir", stateDir, "-o", "json", "dev"];
    const demo = options.demo === false ? [] : ["--demo"];
    const child = spawn(program, [...args, ...demo, ...(options.args ?? [])], {
      cwd: root,
      env: { ...process.env, ...options.environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    const mesh = new Mesh(stateDir, child);
    await mesh.#until(() => mesh.#ready !== undefined, "the mesh is ready");
    return mesh;
  }

  get ready(): Ready {
    if (!this.#ready) throw new Error("not ready");
    return this.#ready;
  }

  /** The newest pid of a part, by the name that `restarted` lines use. */
  pidOf(name: string): number | undefined {
    const restarted = this.#lines.filter(isRestarted).findLast((line) => line.name === name);
    const { nodes, nats, agents, workloads } = this.ready;
    const first = [...nodes, ...nats, ...agents].find((part) => part.name === name)?.pid;
    const envoy = workloads.find((workload) => `${workload.name}/envoy` === name)?.pids.envoy;
    const app = workloads.find((workload) => workload.name === name)?.pids.command;
    return restarted?.pid ?? first ?? envoy ?? app;
  }

  workload(name: string): ReadyWorkload {
    const found = this.ready.workloads.find((workload) => workload.name === name);
    if (!found) throw new Error(`no workload ${name} among ${this.ready.workloads.map((one) => one.name)}`);
    return found;
  }

  /** Resolves with the next `restarted` line of that part. */
  async restartOf(name: string, after: () => void): Promise<Restarted> {
    const seen = this.#lines.length;
    after();
    const find = () =>
      this.#lines
        .slice(seen)
        .filter(isRestarted)
        .find((line) => line.name === name);
    await this.#until(() => find() !== undefined, `${name} is started again`);
    const line = find();
    if (!line) throw new Error("gone");
    return line;
  }

  meshctl(args: readonly string[], input?: string): Promise<Ran> {
    return runMeshctl(["--state-dir", this.stateDir, ...args], input);
  }

  async api(path: string, init?: RequestInit): Promise<Response> {
    return fetch(`${this.ready.api}${path}`, init);
  }

  /** Ctrl-C; resolves with the exit status. */
  async stop(): Promise<number> {
    if (this.#process.exitCode !== null) return this.#process.exitCode;
    const exited = once(this.#process, "exit");
    this.#process.kill("SIGINT");
    const [code] = await exited;
    return code ?? -1;
  }

  async remove(): Promise<void> {
    await this.stop();
    await rm(this.stateDir, { recursive: true, force: true });
  }

  /** Command lines of processes that still name this mesh's state directory. */
  async leftovers(): Promise<readonly string[]> {
    const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
    const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")));
    return lines.filter((line) => line.includes(this.stateDir)).map((line) => line.replaceAll("\0", " "));
  }

  async #until(holds: () => boolean, what: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const look = (): void => {
        if (holds()) resolve();
        else if (this.#process.exitCode !== null)
          reject(new Error(`dev ended before ${what}:\n${this.#stderr.join("")}`));
        else return;
        this.#watchers.delete(look);
      };
      this.#watchers.add(look);
      look();
    });
  }
}

function isRestarted(line: unknown): line is Restarted {
  return typeof line === "object" && line !== null && "event" in line && line.event === "restarted";
}

export async function runMeshctl(args: readonly string[], input?: string): Promise<Ran> {
  const child = spawn(process.execPath, [meshctlEntry, ...args], { cwd: root, stdio: ["pipe", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk: Buffer) => {
    stderr += chunk;
  });
  child.stdin.on("error", () => {});
  child.stdin.end(input ?? "");
  const [code] = await once(child, "close");
  return { code: code ?? -1, stdout, stderr };
}
