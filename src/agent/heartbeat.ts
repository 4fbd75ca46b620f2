/**
 * Every two seconds, and at once when somebody may wait for it: what this host's Envoys say, to a node, and what changed
 * there, back. A beat that is slow delays the next, it is never doubled; one that fails is not repeated, since the next
 * one says more.
 */
import type { Heartbeat, HeartbeatReply, ProxyReport } from "../certificates/attestation/protocol.ts";
import { sleep } from "../platform/clock.ts";
import { WeftError } from "../platform/error.ts";
import { limits } from "../platform/limits.ts";
import { jittered } from "../platform/random.ts";
import type { Host } from "./host.ts";
import type { Registration } from "./registration.ts";
import { reportedStatistics, reportFrom } from "./reports.ts";
import type { RetryPorts } from "./retry.ts";
import type { Run } from "./run.ts";
import type { Trust } from "./trust.ts";

export interface HeartbeatParts extends RetryPorts {
  readonly host: Host;
  readonly trust: Trust;
  readonly registration: Registration;
  readonly sooner: Sooner;
  send(heartbeat: Heartbeat): Promise<HeartbeatReply>;
}

/** Asks for the next beat before its time. */
export class Sooner {
  #asked = new AbortController();

  ask(): void {
    this.#asked.abort();
  }

  /** Aborted at the first ask after this call. */
  next(): AbortSignal {
    this.#asked = new AbortController();
    return this.#asked.signal;
  }
}

/** Resolves when the signal ends it. */
export async function beat(parts: HeartbeatParts, signal: AbortSignal): Promise<void> {
  const { clock, random, log, sooner } = parts;
  let failures = 0;
  while (!signal.aborted) {
    const asked = sooner.next();
    try {
      await beatOnce(parts, signal);
      failures = 0;
    } catch (cause) {
      if (failures++ % 30 === 0) log.warn("heartbeat-failed", { because: WeftError.from(cause, "heartbeat").message });
    }
    const untilMs = jittered(random, limits.agentHeartbeatMs, 0.05);
    await sleep(clock, untilMs, AbortSignal.any([signal, asked])).catch(() => {});
  }
}

export async function beatOnce(
  { host, trust, registration, send }: HeartbeatParts,
  signal: AbortSignal,
): Promise<void> {
  const reports = await Promise.all(host.runs.map(reportOf));
  const proxies = reports.filter((report) => report !== undefined);
  const reply = await send({ bundleSequence: trust.joined.bundle.sequence, proxies });
  // A node's wishes come too late for an agent that stops.
  if (signal.aborted) return;
  trust.learn({ bundle: reply.bundle, nodes: reply.nodes });
  if (reply.resend) registration.tellSoon();
  host.gatewayPorts(reply.gatewayPorts);
  if (reply.secrets) host.secretVersions(reply.secrets);
}

/** undefined: its Envoy does not answer, or does not run. */
async function reportOf(run: Run): Promise<ProxyReport | undefined> {
  const { envoy, starts, workload } = run.record;
  if (!envoy || run.ending) return undefined;
  const [clusters, statistics] = await Promise.all([run.admin.clusters(), run.admin.statistics(reportedStatistics)]);
  if (!clusters || !statistics) return undefined;
  const { svidSerial, name, settledSecrets: secrets } = run;
  return reportFrom({ workload, name, pid: envoy.pid, starts, svidSerial, secrets, clusters, statistics });
}
