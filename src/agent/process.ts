/** mesh-agent, the process: flags, what ends it, one ready line on stdout, an exit status. */
import { existsSync, readFileSync } from "node:fs";
import { decodeJoinToken } from "../certificates/attestation/join_token.ts";
import type { JoinToken } from "../certificates/attestation/protocol.ts";
import { systemClock } from "../platform/clock.ts";
import { WeftError } from "../platform/error.ts";
import { stderrLogger } from "../platform/log.ts";
import { systemRandom } from "../platform/random.ts";
import { keepCompiled } from "../platform/start.ts";
import { startAgent } from "./agent.ts";
import { type OnStop, type Settings, settingsFrom, usage, WrongUsage } from "./settings.ts";

async function run(settings: Settings): Promise<void> {
  const log = stderrLogger("mesh-agent", settings.logLevel);
  const asked = firstReason(settings);
  const token = tokenIn(settings.joinTokenFile);
  if (settings.joinTokenFile !== undefined && !token) log.info("no-token-file", { path: settings.joinTokenFile });
  const starting = startAgent(settings, token, { clock: systemClock, random: systemRandom, log });
  const agent = await Promise.race([starting, asked.then(() => undefined)]);
  if (!agent) return;
  process.stdout.write(`${JSON.stringify({ event: "ready", socket: settings.socketPath, ...agent.status() })}\n`);
  keepCompiled();
  const reason = await asked;
  log.info("stopping", { ...reason });
  await agent.stop(reason.onStop);
}

/** undefined: none was given, or its file is gone; a host that has joined needs none. */
function tokenIn(file: string | undefined): JoinToken | undefined {
  return file !== undefined && existsSync(file) ? decodeJoinToken(readFileSync(file, "utf8").trim()) : undefined;
}

interface StopReason {
  readonly because: string;
  readonly onStop: OnStop;
}

/** The first begins the one graceful stop; later ones are the same. */
function firstReason({ onStop, endWithInput }: Settings): Promise<StopReason> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => resolve({ because: signal, onStop }));
    if (!endWithInput) return;
    // A pipe from whoever started the agent: they have gone without a word, and may come back for the Envoys.
    const gone = (): void => resolve({ because: "standard input ended", onStop: "leave" });
    process.stdin.on("end", gone).on("error", gone).resume();
  });
}

try {
  const settings = settingsFrom(process.argv.slice(2), process.env);
  if (settings) await run(settings);
  else process.stdout.write(usage);
  process.exit(0);
} catch (cause) {
  process.stderr.write(`mesh-agent: ${WeftError.from(cause, "run the agent").message}\n`);
  process.exit(cause instanceof WrongUsage ? 64 : 1);
}
