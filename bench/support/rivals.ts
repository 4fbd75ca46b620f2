/** The Go programs under bench/rivals: built when they are needed, into the project's own cache. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

const root = join(import.meta.dirname, "../..");
const built = join(root, "node_modules/.weft/rivals");

/** @returns a folder with `load` and `control`. */
export function buildRivals(): string {
  mkdirSync(built, { recursive: true });
  const cwd = join(root, "bench/rivals");
  const { error, status, stderr } = spawnSync("go", ["build", "-o", `${built}/`, "./..."], { cwd, encoding: "utf8" });
  if (error) throw new Error("the rivals are written in Go: install Go 1.24 or later (go.dev)");
  if (status !== 0) throw new Error(`the rivals do not build:\n${stderr}`);
  return built;
}

export interface LoadFigures {
  readonly proxies: number;
  readonly full_ms: number;
  readonly full_cpu_ms: number;
  readonly full_bytes_per_proxy: number;
  readonly clusters: number;
  readonly change_first_ms: readonly number[];
  readonly change_last_ms: readonly number[];
  readonly change_cpu_ms: readonly number[];
  readonly change_bytes_per_proxy: number;
  readonly memory_kb_per_proxy: number;
  readonly server_mb: number;
  readonly churn?: readonly ChurnFigures[];
  readonly storm?: StormFigures;
  readonly crowd?: CrowdFigures;
}

/** Proxies that lose their connections and come back at once; changes are timed to the others. */
export interface StormFigures {
  readonly comers: number;
  /** Sorted, as the next. */
  readonly baseline_ms: readonly number[];
  readonly during_ms: readonly number[];
  /** When they lost their connections. */
  readonly began_unix_ms: number;
  readonly served_ms: number;
  readonly steady_mb: number;
  readonly peak_mb: number;
  readonly server_cpu_ms: number;
}

/** Badly behaved proxies that come and go; changes are timed to the others. */
export interface CrowdFigures {
  readonly each: number;
  /** Sorted, as the next. */
  readonly alone_ms: readonly number[];
  readonly among_ms: readonly number[];
  readonly server_mb_before: number;
  readonly server_mb_peak: number;
}

/** Of one rate. */
export interface ChurnFigures {
  /** As it was reached, a second. */
  readonly rate: number;
  readonly changes: number;
  /** Not seen by everybody within 10 s. */
  readonly lost: number;
  readonly median_ms: number;
  readonly p99_ms: number;
  readonly worst_ms: number;
  /** How late the load program itself was with its calls. */
  readonly late_p99_ms: number;
  readonly cores: number;
  readonly responses: number;
  readonly server_mb_before: number;
  readonly server_mb_after: number;
}

export interface LoadOptions {
  readonly addr: string;
  readonly pid: number;
  readonly proxies: number;
  readonly changes: number;
  /** MARK is replaced. */
  readonly url: string;
  readonly body?: object;
  /** Proxies are of so many namespaces, in turn. */
  readonly namespaces?: number;
  /** Each proxy takes the endpoints of one in so many services. */
  readonly shares?: number;
  /** `plan`: RATE:SECONDS,… */
  readonly churn?: { readonly plan: string; readonly services: number };
  /** So many more come back at once. */
  readonly storm?: number;
  /** So many each that never read, refuse everything, answer nothing. */
  readonly badly?: number;
}

export async function load(options: LoadOptions): Promise<LoadFigures> {
  const { addr, pid, proxies, changes, url, body, namespaces, shares, churn, storm, badly } = options;
  const args = ["-addr", addr, "-pid", `${pid}`, "-n", `${proxies}`, "-changes", `${changes}`, "-url", url];
  if (body) args.push("-body", JSON.stringify(body));
  if (namespaces !== undefined) args.push("-namespaces", `${namespaces}`);
  if (shares !== undefined) args.push("-shares", `${shares}`);
  if (storm !== undefined) args.push("-storm", `${storm}`);
  if (badly !== undefined) args.push("-badly", `${badly}`);
  if (churn) args.push("-churn", churn.plan, "-services", `${churn.services}`);
  const child = spawn(join(built, "load"), args, { stdio: ["ignore", "pipe", "inherit"] });
  const chunks: Buffer[] = [];
  for await (const chunk of child.stdout) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  if (text === "") throw new Error(`no figures from the load on ${addr}`);
  return JSON.parse(text);
}

export interface Control {
  readonly xds: string;
  readonly http: string;
  readonly pid: number;
  stop(): void;
}

/** go-control-plane with one shared snapshot. */
export async function startControl(services: number, endpoints: number): Promise<Control> {
  const args = ["-services", `${services}`, "-endpoints", `${endpoints}`];
  const child: ChildProcess = spawn(join(built, "control"), args, { stdio: ["ignore", "pipe", "inherit"] });
  const { stdout, pid } = child;
  if (!stdout || pid === undefined) throw new Error("the rival did not start");
  for await (const line of createInterface({ input: stdout })) {
    return { ...JSON.parse(line), pid, stop: () => child.kill() };
  }
  throw new Error("the rival ended before it listened");
}
