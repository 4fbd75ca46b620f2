/**
 * meshd, the process: a control-plane node. This file only starts the parts in their order and stops them in the other:
 *
 *   store → replica → actors → the node's identity → compile → xDS, agents' listener, API
 *
 * An empty or half-read configuration reaches nobody: the listeners open when the replica has been read, compiled and
 * the node has a certificate. What it prints on standard output is one line of JSON, when all of that is done.
 */
import { mkdir } from "node:fs/promises";
import { setFlagsFromString } from "node:v8";
import { systemClock } from "../platform/clock.ts";
import { WeftError } from "../platform/error.ts";
import { stderrLogger } from "../platform/log.ts";
import { systemRandom } from "../platform/random.ts";
import { keepCompiled } from "../platform/start.ts";
import { startTracing } from "../telemetry/tracing.ts";
import { startNode } from "./node.ts";
import { parseOptions, UsageError, usage } from "./options.ts";

/**
 * What a node makes when it reads the mesh and configures its first proxies lives long, and V8 concludes that all that is
 * made in those places does: each acknowledgement, each change would be made where only a full collection finds it, and
 * would keep alive what it refers to. With 100 changes a second, each for 50 proxies, a minor collection took 12 ms instead
 * of 4.5, and left 42 kB a change instead of 17.
 */
setFlagsFromString("--no-allocation-site-pretenuring");

/**
 * A full collection comes when the heap has grown by half since the last one. V8's own measure, after a quiet time, is a
 * tenth; each collection takes a core for a quarter of a second, and where there are two, every change meanwhile takes up to
 * 150 ms instead of 5.
 */
setFlagsFromString("--heap-growing-percent=50");

async function main(): Promise<void> {
  const options = parseOptions(process.argv.slice(2));
  const log = stderrLogger("meshd", options.logLevel).with({ node: options.name });
  const abort = new AbortController();
  let stopping: Promise<void> | undefined;
  let node: Awaited<ReturnType<typeof startNode>> | undefined;
  const stop = (because: string): void => {
    if (stopping) return;
    log.info("stopping", { because });
    abort.abort(new WeftError({ code: "cancelled", retry: "never", attempted: "start meshd", because }));
    stopping = (node?.stop() ?? Promise.resolve()).then(
      () => process.exit(0),
      (cause: unknown) => {
        log.error("stop failed", { because: String(cause) });
        process.exit(1);
      },
    );
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => stop(signal));
  if (options.endWithInput) {
    process.stdin.on("end", () => stop("standard input ended"));
    process.stdin.resume();
  }
  await mkdir(options.stateDir, { recursive: true, mode: 0o700 });
  const tracing = await startTracing("meshd");
  node = await startNode(options, { clock: systemClock, random: systemRandom, log, signal: abort.signal });
  process.stdout.write(
    `${JSON.stringify({ event: "ready", name: options.name, pid: process.pid, ...node.addresses })}\n`,
  );
  keepCompiled();
  process.on("exit", () => void tracing.stop());
}

main().catch((cause: unknown) => {
  if (cause instanceof UsageError) {
    process.stderr.write(`meshd: ${cause.message}\n${usage}\n`);
    process.exit(64);
  }
  process.stderr.write(`meshd: ${cause instanceof Error ? cause.message : String(cause)}\n`);
  process.exit(1);
});
