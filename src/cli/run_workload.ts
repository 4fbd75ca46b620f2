/**
 * What `run` and `gateway run` do once they know their request: opens the session with this machine's agent, waits
 * until the workload is ready, starts its command if there is one, and stays until the command ends or a signal comes.
 * The command gets every signal that we get, once, and its exit status is ours; then the workload is withdrawn.
 *
 * So that it is once, the command has a process group of its own: what a terminal's keys send, or whoever signals our
 * whole group, reaches us alone and is passed on. From a terminal it is passed on to all of the command's group, as the
 * terminal would have done; from elsewhere to the command itself.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { constants } from "node:os";
import type { RunEvent, RunRequest } from "../model/run.ts";
import type { CliContext } from "./command.ts";
import { CommandFailure, type ExitStatus, exit } from "./exit.ts";
import { findMesh } from "./mesh.ts";
import type { RunReady } from "./run_event.ts";
import { openRunSession, type RunSession } from "./run_session.ts";

const forwarded: readonly NodeJS.Signals[] = [
  ...(["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2"] as const),
  ...(["SIGCONT", "SIGWINCH"] as const),
];
const ending: ReadonlySet<NodeJS.Signals> = new Set(["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"]);

export async function runWorkload(
  context: CliContext,
  request: RunRequest,
  command: readonly string[],
): Promise<ExitStatus> {
  const session = openRunSession({
    socket: await agentSocket(context),
    request,
    clock: context.clock,
    random: context.random,
    onEvent: eventPrinter(context),
  });
  const signals = new Signals();
  try {
    const ready = await Promise.race([session.ready.catch(() => undefined), signals.ending]);
    // Ended before it was ready: by a signal, or by a failure that `ended` tells.
    if (typeof ready !== "object") return ready === undefined ? await failed(session) : statusOfSignal(ready);
    return await runReady({ context, session, signals, ready, command });
  } finally {
    await session.stop();
    signals.release();
  }
}

interface Running {
  readonly context: CliContext;
  readonly session: RunSession;
  readonly signals: Signals;
  readonly ready: RunReady;
  readonly command: readonly string[];
}

async function runReady({ context, session, signals, ready, command }: Running): Promise<ExitStatus> {
  const [program, ...args] = command;
  if (program === undefined) {
    tellReady(context, ready, undefined);
    const end = await Promise.race([session.ended, signals.ending]);
    // A sidecar alone is asked to go: that is a good end.
    return typeof end === "string" ? exit.good : (end?.exit ?? exit.good);
  }
  const env = commandEnvironment(context, ready);
  const child = spawn(program, args, { stdio: stdioOf(context), env, detached: true });
  const finished = statusOfChild(child, program, context);
  signals.forwardTo(child, context.interactive ? "group" : "command");
  tellReady(context, ready, child.pid);
  const end = await Promise.race([finished, session.ended]);
  if (typeof end === "number") return end;
  // The session failed under the command.
  child.kill("SIGTERM");
  await finished;
  return end?.exit ?? exit.failed;
}

async function failed(session: RunSession): Promise<ExitStatus> {
  return (await session.ended)?.exit ?? exit.failed;
}

/** Stdout is for the ready line under -o json; the command's goes to stderr. */
function stdioOf(context: CliContext): ["inherit", "inherit" | number, "inherit"] {
  return ["inherit", context.globals.output === "json" ? 2 : "inherit", "inherit"];
}

function commandEnvironment(context: CliContext, { outbound }: RunReady): NodeJS.ProcessEnv {
  if (outbound === null) return { ...context.environment };
  const url = `http://${outbound}`;
  return {
    ...context.environment,
    HTTP_PROXY: url,
    http_proxy: url,
    MESH_OUTBOUND: url,
    NODE_USE_ENV_PROXY: "1",
    NO_PROXY: "localhost,127.0.0.1,::1",
  };
}

function statusOfChild(child: ChildProcess, program: string, context: CliContext): Promise<ExitStatus> {
  return new Promise((resolve) => {
    child.on("error", (cause: NodeJS.ErrnoException) => {
      context.say(`${program}: ${whyNotStarted[cause.code ?? ""] ?? cause.message}`);
      // As shells have it: 127 not found, 126 cannot be run.
      resolve(cause.code === "ENOENT" ? 127 : 126);
    });
    child.on("exit", (code, signal) => resolve(signal ? statusOfSignal(signal) : (code ?? exit.failed)));
  });
}

const whyNotStarted: Readonly<Record<string, string>> = {
  ENOENT: "no such command",
  EACCES: "it may not be run: no program, or no permission",
};

function statusOfSignal(signal: NodeJS.Signals): ExitStatus {
  return 128 + (constants.signals[signal] ?? 0);
}

/** Takes the process's signals for as long as the workload lives. */
class Signals {
  readonly ending: Promise<NodeJS.Signals>;
  readonly #listeners = new Map<NodeJS.Signals, () => void>();
  #pass: (signal: NodeJS.Signals) => void = () => {};

  constructor() {
    this.ending = new Promise((resolve) => {
      for (const signal of forwarded) {
        const listener = (): void => {
          this.#pass(signal);
          if (ending.has(signal)) resolve(signal);
        };
        this.#listeners.set(signal, listener);
        process.on(signal, listener);
      }
    });
  }

  /** "group": to the child, which leads a group, and to all that it started in it. */
  forwardTo(child: ChildProcess, whom: "command" | "group"): void {
    this.#pass = (signal) => {
      const { pid, exitCode, signalCode } = child;
      if (pid === undefined || exitCode !== null || signalCode !== null) return;
      if (whom === "command") child.kill(signal);
      else signalGroup(pid, signal);
    };
  }

  release(): void {
    for (const [signal, listener] of this.#listeners) process.off(signal, listener);
  }
}

function signalGroup(leader: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-leader, signal);
  } catch {
    // It ended in this moment.
  }
}

/** MESHCTL_AGENT_SOCKET names that of an agent which a service manager runs; else it is the agent of `dev`. */
async function agentSocket(context: CliContext): Promise<string> {
  const { MESHCTL_AGENT_SOCKET: named } = context.environment;
  if (named) return named;
  const mesh = await findMesh(context);
  const [agent] = mesh.local?.agents ?? [];
  if (agent) return agent.socket;
  const because = mesh.local
    ? "the mesh here has no agent; start it again: meshctl dev"
    : "a workload runs beside an agent of this machine, and --server (or MESHCTL_SERVER) names a node; name its socket: MESHCTL_AGENT_SOCKET=/run/weft/agent.sock";
  throw new CommandFailure(exit.failed, `run: ${because}`);
}

function tellReady(context: CliContext, ready: RunReady, command: number | undefined): void {
  const pids = { meshctl: process.pid, envoy: ready.envoyPid, ...(command === undefined ? {} : { command }) };
  if (context.globals.output === "json") {
    const { envoyPid: _, ...told } = ready;
    context.out(`${JSON.stringify({ ...told, pids })}\n`);
    return;
  }
  context.say(`${ready.workload} is ready as ${ready.spiffeId}`);
  if (ready.outbound) context.say(`  outbound   http://${ready.outbound}`);
  const named = { inbound: ready.inbounds, upstream: ready.upstreams, listener: ready.listeners ?? {} };
  for (const [what, addresses] of Object.entries(named)) {
    for (const [name, address] of Object.entries(addresses)) context.say(`  ${what.padEnd(9)}  ${name} at ${address}`);
  }
}

/** What the agent says after the ready line, which tellReady prints when the command's pid is known. */
function eventPrinter(context: CliContext): (event: RunEvent) => void {
  const json = context.globals.output === "json";
  const tell = (event: object, words: string): void =>
    json ? context.out(`${JSON.stringify(event)}\n`) : context.say(words);
  let envoyPid: number | undefined;
  return (event) => {
    switch (event.event) {
      case "ready":
        // A session that resumed: its Envoy may be another one.
        if (envoyPid !== undefined && envoyPid !== event.envoyPid) {
          tell({ event: "restarted", name: "envoy", pid: event.envoyPid }, `envoy runs again, pid ${event.envoyPid}`);
        }
        envoyPid = event.envoyPid;
        return;
      case "restarted":
        envoyPid = event.pid;
        return tell(event, `${event.name} runs again, pid ${event.pid}`);
      case "listener":
        return tell(event, `listens for port ${event.port} at ${event.address}`);
      default:
        return context.say(event.message);
    }
  };
}
