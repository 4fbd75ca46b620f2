/** mesh-agent: flags, signals, one ready line on stdout, an exit status. */
import { existsSync, readFileSync } from "node:fs";
import { decodeJoinToken } from "../certificates/attestation/join_token.ts";
import type { JoinToken } from "../certificates/attestation/protocol.ts";
import { systemClock } from "../platform/clock.ts";
import { WeftError } from "../platform/error.ts";
import { stderrLogger } from "../platform/log.ts";
import { systemRandom } from "../platform/random.ts";
import { startAgent } from "./agent.ts";
import { type Settings, settingsFrom, usage, WrongUsage } from "./settings.ts";

async function run(settings: Settings): Promise<void> {
  const log = stderrLogger("mesh-agent", settings.logLevel).with({ host: settings.hostName });
  const asked = firstSignal();
  const token = tokenIn(settings.joinTokenFile);
  if (settings.joinTokenFile !== undefined && !token) log.info("no-token-file", { path: settings.joinTokenFile });
  const starting = startAgent(settings, token, { clock: systemClock, random: systemRandom, log });
  const agent = await Promise.race([starting, asked.then(() => undefined)]);
  if (!agent) return;
  process.stdout.write(`${JSON.stringify({ event: "ready", socket: settings.socketPath, ...agent.status() })}\n`);
  log.info("stopping", { signal: await asked, onStop: settings.onStop });
  await agent.stop();
}

/** undefined: none was given, or its file is gone; a host that has joined needs none. */
function tokenIn(file: string | undefined): JoinToken | undefined {
  return file !== undefined && existsSync(file) ? decodeJoinToken(readFileSync(file, "utf8").trim()) : undefined;
}

/** The first begins the one graceful stop; later ones are the same. */
function firstSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => resolve(signal));
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
