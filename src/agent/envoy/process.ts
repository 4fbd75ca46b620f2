/**
 * One Envoy process. It runs in a group of its own, with no pipe to the agent, so that the agent's death, however
 * sudden, does not reach it. An agent that started it learns of its end from the system; one that adopted it looks every
 * half second. A process is known by pid and start time together: a pid alone comes back for somebody else.
 */
import { spawn } from "node:child_process";
import { closeSync } from "node:fs";
import { openLog } from "../../platform/bounded_log.ts";
import type { Clock } from "../../platform/clock.ts";
import { WeftError } from "../../platform/error.ts";
import { limits } from "../../platform/limits.ts";
import { isRunning, type ProcessId, signalProcess, startTimeOf } from "../../platform/process_id.ts";

const adoptedPollMs = 500;

export interface EnvoyProcess {
  readonly id: ProcessId;
  /** Resolves when it has ended. */
  readonly exited: Promise<void>;
  readonly running: boolean;
  /** SIGTERM, then SIGKILL; resolves when it has ended. */
  stop(): Promise<void>;
}

export interface EnvoyCommand {
  readonly envoy: string;
  readonly bootstrapPath: string;
  readonly logPath: string;
}

export function envoyArguments(command: Pick<EnvoyCommand, "bootstrapPath">): readonly string[] {
  return [
    ...["--config-path", command.bootstrapPath],
    // Hot restart shares memory between an old and a new process of one base id; ours are always replaced whole.
    "--disable-hot-restart",
    ...["--concurrency", "1"],
    ...["--log-level", "warning"],
    // An access log's lines are seen a second after what they tell of, where Envoy's own is ten.
    ...["--file-flush-interval-msec", "1000"],
    // How long what a changed listener replaced goes on serving its connections; all are asked to leave at once.
    ...["--drain-time-s", "45"],
    ...["--drain-strategy", "immediate"],
  ];
}

export function startEnvoy(clock: Clock, command: EnvoyCommand): EnvoyProcess {
  const log = openLog(command.logPath);
  try {
    const child = spawn(command.envoy, envoyArguments(command), { detached: true, stdio: ["ignore", log, log] });
    const exited = new Promise<void>((resolve) => {
      child.once("exit", () => resolve());
      child.once("error", () => resolve());
    });
    const { pid } = child;
    if (pid === undefined) {
      const next = "give its path by --envoy";
      throw new WeftError({
        code: "not-found",
        retry: "never",
        attempted: `start ${command.envoy}`,
        because: "it does not run",
        next,
      });
    }
    child.unref();
    return known(clock, { pid, startTime: startTimeOf(pid) ?? "" }, exited);
  } finally {
    closeSync(log);
  }
}

/** undefined: that process is gone. */
export function adoptEnvoy(clock: Clock, id: ProcessId): EnvoyProcess | undefined {
  if (!isRunning(id)) return undefined;
  const exited = new Promise<void>((resolve) => {
    const poll = clock.every(adoptedPollMs, () => {
      if (isRunning(id)) return;
      poll.cancel();
      resolve();
    });
  });
  return known(clock, id, exited);
}

function known(clock: Clock, id: ProcessId, exited: Promise<void>): EnvoyProcess {
  let running = true;
  void exited.then(() => {
    running = false;
  });
  return {
    id,
    exited,
    get running() {
      return running;
    },
    async stop() {
      signalProcess(id, "SIGTERM");
      const timer = clock.after(limits.proxyTermMs, () => signalProcess(id, "SIGKILL"));
      await exited;
      timer.cancel();
    },
  };
}
