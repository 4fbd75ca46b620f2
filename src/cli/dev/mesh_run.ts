/**
 * One run of a mesh on this machine, from taking the state directory to giving it back. Starts the parts in the order
 * of their needs, tells where they are, waits for the stop, ends them in reverse. Whatever happens in between, it leaves
 * no process, no dev.json and no lock.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { limits } from "../../platform/limits.ts";
import type { CliContext } from "../command.ts";
import { type ExitStatus, exit } from "../exit.ts";
import { stateDirectory } from "../mesh.ts";
import { meshFileName, printMeshFile } from "../mesh_file.ts";
import { applyFiles } from "./apply_files.ts";
import { DevConsole } from "./console.ts";
import { ControlPlane } from "./control_plane.ts";
import { Demo } from "./demo.ts";
import { endProcesses, Ledger } from "./ledger.ts";
import { lockName, takeLock } from "./lock.ts";
import { nextSteps } from "./next_steps.ts";
import { launcher } from "./part.ts";
import { Parts } from "./parts.ts";
import { loopback, planOf } from "./plan.ts";
import { anyFree, choosePorts, parsePorts } from "./ports.ts";
import { packageRoot, type Tools } from "./programs.ts";
import { type DevSettings, printHostPort } from "./settings.ts";
import { DevState } from "./state.ts";
import type { StopSignal } from "./stop_signal.ts";

const portsFile = "ports.json";
const defaultCluster = "local";

export interface RunOptions {
  readonly context: CliContext;
  readonly settings: DevSettings;
  readonly tools: Tools;
  readonly stop: StopSignal;
}

export async function runMesh({ context, settings, tools, stop }: RunOptions): Promise<ExitStatus> {
  const state = new DevState(stateDirectory(context));
  const giveBack = takeLock(state.path(lockName));
  const ledger = new Ledger(state);
  const console = new DevConsole(context);
  const run = new MeshRun({ context, settings, tools, state, ledger, console });
  // A start that fails in one place must not go on in another.
  const starting = new AbortController();
  try {
    await run.start(AbortSignal.any([stop.stop, starting.signal]));
    await stop.requested();
    return exit.good;
  } catch (cause) {
    // A start that was broken off by a signal is a good end.
    if (!stop.stop.aborted) throw cause;
    return exit.good;
  } finally {
    starting.abort(new Error("the start has ended"));
    await run.stop(stop.hurry);
    giveBack();
  }
}

interface MeshRunOptions {
  readonly context: CliContext;
  readonly settings: DevSettings;
  readonly tools: Tools;
  readonly state: DevState;
  readonly ledger: Ledger;
  readonly console: DevConsole;
}

class MeshRun {
  readonly #options: MeshRunOptions;
  readonly #parts: Parts;
  #plane: ControlPlane | undefined;
  #demo: Demo | undefined;

  constructor(options: MeshRunOptions) {
    this.#options = options;
    const { clock } = options.context;
    this.#parts = new Parts({ ...options, clock, launch: launcher(clock) });
  }

  async start(signal: AbortSignal): Promise<void> {
    const { context, settings, tools, state, ledger, console } = this.#options;
    await this.#endLeftovers();
    process.env.NODE_COMPILE_CACHE ??= state.directory("compile-cache");
    const ports = await choosePorts(parsePorts(state.read(portsFile)));
    state.write(portsFile, JSON.stringify(ports));
    const cluster = context.globals.cluster ?? defaultCluster;
    const plan = planOf({ settings, cluster, ports, xdsPlaintext: await plaintextAddress(settings) });
    const plane = new ControlPlane({ context, settings, plan, state, tools, parts: this.#parts, console });
    this.#plane = plane;
    await plane.start(signal);
    const startedAt = new Date(context.clock.nowMs()).toISOString();
    const write = (): void => state.write(meshFileName, printMeshFile(plane.describe(startedAt)));
    this.#parts.onNewPid(write);
    write();
    const { config } = settings;
    if (config !== undefined) {
      await console.step(`${config} is applied`, () => applyFiles({ context, plane, path: config, say: context.say }));
    }
    if (settings.demo) {
      this.#demo = new Demo({ context, plane, ports, tools, parts: this.#parts, ledger, console });
      await this.#demo.start(signal);
    }
    this.#tellReady(plane);
  }

  async stop(hurry: AbortSignal): Promise<void> {
    const { console, ledger, state, context } = this.#options;
    if (this.#plane) console.note("stopping");
    await this.#demo?.stop(hurry);
    await this.#plane?.stop(hurry);
    await endProcesses(ledger.running, context.clock, hurry.aborted ? 0 : limits.devKillMs);
    state.remove(meshFileName);
    ledger.clear();
    if (this.#plane) console.note(`stopped; the next start goes on from ${state.root}`);
  }

  async #endLeftovers(): Promise<void> {
    const { ledger, console, context, state } = this.#options;
    state.remove(meshFileName);
    const left = ledger.leftovers();
    if (left.length === 0) return;
    const names = left.map(({ name, pid }) => `${name} (${pid})`).join(", ");
    await console.step(`ended what an earlier run left: ${names}`, () =>
      endProcesses(left, context.clock, limits.devLeftoverStopMs),
    );
  }

  #tellReady(plane: ControlPlane): void {
    const { console, context, settings } = this.#options;
    if (settings.verbose) console.timings();
    const mesh = plane.describe("");
    const [node] = mesh.nodes;
    const ingress = this.#demo?.ingress;
    console.event({
      event: "ready",
      pid: mesh.pid,
      api: node?.api,
      xds: node?.xds,
      nodes: mesh.nodes.map(({ agents: _, ...told }) => told),
      nats: mesh.nats.map(({ name, pid }) => ({ name, pid })),
      agents: mesh.agents.map(({ name, pid }) => ({ name, pid })),
      clusters: mesh.clusters,
      ...(this.#demo ? { ingress, workloads: this.#demo.reports() } : {}),
    });
    console.text(
      nextSteps({
        dashboard: mesh.dashboard ?? "",
        api: node?.api ?? "",
        ingress,
        pids: { meshd: node?.pid ?? 0, agent: mesh.agents[0]?.pid ?? 0, nats: mesh.nats[0]?.pid },
        stateDirectory: context.globals.stateDir,
        root: process.cwd() === packageRoot ? undefined : packageRoot,
        hasExample: (name) => existsSync(join(packageRoot, "examples", name)),
        bold: (text) => console.colour("bold", text),
        dim: (text) => console.colour("dim", text),
      }),
    );
  }
}

/** Port 0 asks for any; which one is settled here, so that a node that is started again has the same. */
async function plaintextAddress({ xdsPlaintext }: DevSettings): Promise<string | undefined> {
  if (!xdsPlaintext) return undefined;
  if (xdsPlaintext.port !== 0) return printHostPort(xdsPlaintext);
  return printHostPort({ host: loopback, port: await anyFree(new Set()) });
}
