/**
 * One run of a mesh on this machine, from taking the state directory to giving it back. Starts the parts in the order
 * of their needs, tells where they are, waits for the stop, ends them in reverse. Whatever happens in between, it leaves
 * no process, no dev.json and no lock.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { canBind, type FreePorts, loopback } from "../../platform/free_ports.ts";
import { packageRoot } from "../../platform/installation.ts";
import { limits } from "../../platform/limits.ts";
import { takeLock } from "../../platform/process_lock.ts";
import type { CliContext } from "../command.ts";
import { CommandFailure, type ExitStatus, exit } from "../exit.ts";
import { stateDirectory } from "../mesh.ts";
import { meshFileName, printMeshFile } from "../mesh_file.ts";
import { applyFiles } from "./apply_files.ts";
import { DevConsole } from "./console.ts";
import { ControlPlane } from "./control_plane.ts";
import { Demo } from "./demo.ts";
import { endProcesses, Ledger } from "./ledger.ts";
import { nextSteps } from "./next_steps.ts";
import { launcher } from "./part.ts";
import { Parts } from "./parts.ts";
import { defaultPorts, type Ports, planOf } from "./plan.ts";
import { PortClaims } from "./port_claims.ts";
import { choosePorts, parsePorts, unclaimedPorts } from "./ports.ts";
import type { Tools } from "./programs.ts";
import { type DevSettings, printHostPort } from "./settings.ts";
import { keepShape } from "./shape.ts";
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
  const giveBack = takeDirectory(state);
  const ledger = new Ledger(state);
  const console = new DevConsole(context);
  const run = new MeshRun({ context, settings, tools, state, ledger, console });
  // A start that fails in one place must not go on in another.
  const starting = new AbortController();
  try {
    await run.start(AbortSignal.any([stop.stop, starting.signal]), stop.hurry);
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

/** One `dev` for a state directory. @returns what gives it back. */
function takeDirectory(state: DevState): () => void {
  const locked = takeLock(state.path("lock"));
  if (locked.kind === "taken") return locked.giveBack;
  throw new CommandFailure(exit.failed, `a mesh already runs in ${state.root}: meshctl dev, pid ${locked.pid}`);
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
  readonly #claims = new PortClaims();
  #parts: Parts | undefined;
  #plane: ControlPlane | undefined;
  #demo: Demo | undefined;

  constructor(options: MeshRunOptions) {
    this.#options = options;
  }

  async start(signal: AbortSignal, hurry: AbortSignal): Promise<void> {
    const { state, settings, console, context } = this.#options;
    keepShape(state, settings);
    await this.#endLeftovers();
    let preferred: readonly Partial<Ports>[] = [defaultPorts, parsePorts(state.read(portsFile))];
    for (let attempt = 1; ; attempt++) {
      const free = unclaimedPorts(this.#claims, context.random);
      const ports = await choosePorts(preferred, free);
      try {
        return await this.#startOn(ports, free, signal);
      } catch (cause) {
        if (signal.aborted || attempt === limits.devPortAttempts) throw cause;
        await this.#stopParts(hurry);
        // With all that is ours ended, a port that cannot be bound is somebody else's.
        const taken = await takenOf(ports);
        if (taken.length === 0) throw cause;
        console.warn(`port ${taken.join(", ")} was taken by another program meanwhile; starting again with others`);
        preferred = [];
        this.#claims.giveAllBack();
      }
    }
  }

  async stop(hurry: AbortSignal): Promise<void> {
    const { console, ledger, state, context } = this.#options;
    const wasStarted = this.#plane !== undefined;
    if (wasStarted) console.note("stopping");
    await this.#stopParts(hurry);
    await endProcesses(ledger.running, context.clock, hurry.aborted ? 0 : limits.devKillMs);
    ledger.clear();
    this.#claims.giveAllBack();
    if (wasStarted) console.note(`stopped; the next start goes on from ${state.root}`);
  }

  async #startOn(ports: Ports, free: FreePorts, signal: AbortSignal): Promise<void> {
    const { context, settings, tools, state, ledger, console } = this.#options;
    const { clock } = context;
    state.write(portsFile, JSON.stringify(ports));
    const cluster = context.globals.cluster ?? defaultCluster;
    const plan = planOf({ settings, cluster, ports, xdsPlaintext: await plaintextAddresses(settings, free) });
    const parts = new Parts({ state, ledger, console, clock, launch: launcher(clock) });
    this.#parts = parts;
    const plane = new ControlPlane({ context, settings, plan, state, tools, parts, console });
    this.#plane = plane;
    await plane.start(signal);
    const startedAt = new Date(clock.nowMs()).toISOString();
    const write = (): void => state.write(meshFileName, printMeshFile(plane.describe(startedAt)));
    parts.onNewPid(write);
    write();
    const { config } = settings;
    if (config !== undefined) {
      await console.step(`${config} is applied`, () => applyFiles({ context, plane, path: config, say: context.say }));
    }
    if (settings.demo) {
      this.#demo = new Demo({ context, plane, ports, tools, parts, ledger, console });
      await this.#demo.start(signal);
    }
    this.#tellReady(plane);
  }

  async #stopParts(hurry: AbortSignal): Promise<void> {
    await this.#demo?.stop(hurry);
    await this.#plane?.stop(hurry);
    this.#parts?.close();
    this.#options.state.remove(meshFileName);
    this.#demo = undefined;
    this.#plane = undefined;
    this.#parts = undefined;
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

async function takenOf(ports: Ports): Promise<readonly number[]> {
  const free = await Promise.all(Object.values(ports).map((port) => canBind({ address: loopback, port })));
  return Object.values(ports).filter((_, i) => !free[i]);
}

/**
 * One for each node: the first has what was asked for, the others any. Port 0 asks for any; which one is settled here, so
 * that a node that is started again has the same.
 */
async function plaintextAddresses({ xdsPlaintext, nodes }: DevSettings, free: FreePorts): Promise<readonly string[]> {
  if (!xdsPlaintext) return [];
  const any = async (): Promise<string> => printHostPort({ host: loopback, port: (await free.take()).port });
  const addresses = [xdsPlaintext.port === 0 ? await any() : printHostPort(xdsPlaintext)];
  while (addresses.length < nodes) addresses.push(await any());
  return addresses;
}
