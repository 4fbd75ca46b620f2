/**
 * One started process of the mesh. It has a session of its own, so that Ctrl-C at the terminal reaches `dev` alone, which
 * then ends the parts in their order; and a pipe as standard input that `dev` never writes to: its end tells the part
 * that `dev` has gone. All parts but nats-server end by that, the agent without its Envoys; those and nats-server are
 * in the ledger for the next start. Standard error goes straight to the part's log.
 */
import { spawn } from "node:child_process";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { openLog } from "../../platform/bounded_log.ts";
import { type Clock, sleep } from "../../platform/clock.ts";
import { loopback } from "../../platform/free_ports.ts";
import { limits } from "../../platform/limits.ts";

export interface PartCommand {
  readonly program: string;
  readonly args: readonly string[];
  /** On top of our own environment. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** How a part shows that it does its work. */
export type ReadySign =
  /** A line {"event":"ready"} on its standard output. */
  | { readonly kind: "line" }
  /** A connection to this port of loopback is answered with first words that hold `greeting`, which is this part's alone. */
  | { readonly kind: "port"; readonly port: number; readonly greeting: string }
  | { readonly kind: "started" };

export interface PartSpec {
  readonly name: string;
  readonly logPath: string;
  readonly ready: ReadySign;
  /** Asked at each start: an address may have changed since the last. */
  readonly command: () => PartCommand;
  /** Shortest wait before it is started again, ms; absent: none. */
  readonly restartAfterMs?: number;
  /** Lines of its standard output. */
  readonly onLine?: (line: string) => void;
}

export interface Launched {
  readonly pid: number;
  /** Resolves when it does its work; never, when it ends before. Rejects with the signal's reason. */
  readonly ready: (signal: AbortSignal) => Promise<void>;
  /** Resolves with how it ended, as in "exit 1" or "SIGKILL". */
  readonly exited: Promise<string>;
  kill(signal: NodeJS.Signals): void;
}

/** undefined: it could not be started, and why. */
export type Launch = (spec: PartSpec) => Launched | { readonly pid: undefined; readonly because: string };

export function launcher(clock: Clock): Launch {
  return (spec) => {
    const { program, args, environment } = spec.command();
    const log = openLog(spec.logPath);
    const child = spawn(program, args, {
      detached: true,
      env: { ...process.env, ...environment },
      stdio: ["pipe", "pipe", log],
    });
    closeSync(log);
    let cannot = "it cannot be run";
    child.on("error", (cause) => {
      cannot = cause.message;
    });
    // Never written to; what it says when the reader has gone means nothing.
    child.stdin?.on("error", () => {});
    const exited = new Promise<string>((resolve) => {
      child.on("error", () => resolve(cannot));
      child.on("exit", (code, signal) => resolve(signal ?? `exit ${code}`));
    });
    const saidReady = child.stdout ? readLines(child.stdout, spec.onLine) : Promise.resolve();
    if (child.pid === undefined) return { pid: undefined, because: `${program} cannot be run` };
    return {
      pid: child.pid,
      exited,
      ready: (signal) => waitReady(spec.ready, saidReady, { clock, signal }),
      kill: (signal) => void child.kill(signal),
    };
  };
}

function readLines(output: NodeJS.ReadableStream, onLine: PartSpec["onLine"]): Promise<void> {
  return new Promise((resolve) => {
    const lines = createInterface({ input: output });
    lines.on("line", (line) => {
      if (saysReady(line)) resolve();
      onLine?.(line);
    });
  });
}

function saysReady(line: string): boolean {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && "event" in value && value.event === "ready";
  } catch {
    return false;
  }
}

async function waitReady(
  sign: ReadySign,
  saidReady: Promise<void>,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<void> {
  if (sign.kind === "line") return untilAborted(saidReady, signal);
  if (sign.kind === "port") while (!(await answers(sign))) await sleep(clock, limits.devPollMs, signal);
  signal.throwIfAborted();
}

function answers({ port, greeting }: Extract<ReadySign, { kind: "port" }>): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: loopback, port });
    const end = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.on("error", () => end(false));
    socket.on("close", () => end(false));
    socket.once("data", (data) => end(data.toString("latin1").includes(greeting)));
  });
}

/** The promise, or the signal's reason. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason);
    if (signal.aborted) return abort();
    signal.addEventListener("abort", abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}

/** The last lines of a log, for somebody who must know why. */
export function lastLines(path: string): readonly string[] {
  const file = openSync(path, "r");
  try {
    const { size } = fstatSync(file);
    const length = Math.min(size, limits.devLogBytes);
    const end = Buffer.alloc(length);
    readSync(file, end, 0, length, size - length);
    return end.toString("utf8").split("\n").filter(Boolean).slice(-limits.devLogLines);
  } finally {
    closeSync(file);
  }
}
