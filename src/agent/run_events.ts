/** What a run tells its client: how it failed, and the ready line. Pure. */
import type { SpiffeId } from "../model/identity.ts";
import type { RunEvent } from "../model/run.ts";
import { hostOfUpstream, type LocalAddress, nameOfWorkload } from "../model/workload.ts";
import { WeftError } from "../platform/error.ts";
import type { RunRecord } from "./run_record.ts";
import { printAddress } from "./workloads.ts";

/** The session cannot go on; `exit` is what its client exits with. */
export class RunFailure extends WeftError {
  readonly exit: number;

  constructor(exit: number, because: string) {
    super({ code: "invalid", retry: "never", attempted: "run a workload", because });
    this.exit = exit;
    this.message = because;
  }

  static override from(cause: unknown, attempted: string): RunFailure {
    return cause instanceof RunFailure ? cause : new RunFailure(1, WeftError.from(cause, attempted).message);
  }
}

export function readyEvent({ request, workload, admin, envoy }: RunRecord, spiffeId: SpiffeId): RunEvent {
  const shared = {
    event: "ready" as const,
    workload: nameOfWorkload(workload),
    spiffeId,
    admin: printAddress(admin),
    envoyPid: envoy?.pid ?? 0,
  };
  if (workload.role === "gateway") {
    const listeners = printed(Object.entries(workload.listeners));
    return { ...shared, outbound: null, inbound: null, inbounds: {}, upstreams: {}, listeners };
  }
  const inbounds = printed(workload.inbound.map(({ name, listen }) => [name, listen]));
  // Under the words that the user wrote.
  const asked = request.role === "sidecar" ? request.upstreams : [];
  const upstreams = workload.upstreams.map((upstream, i): [string, LocalAddress] => [
    `${asked[i]?.service ?? hostOfUpstream(upstream)}:${upstream.port}`,
    upstream.listen,
  ]);
  const [first] = Object.values(inbounds);
  const outbound = printAddress(workload.outbound);
  return { ...shared, outbound, inbound: first ?? null, inbounds, upstreams: printed(upstreams) };
}

function printed(named: readonly (readonly [string, LocalAddress])[]): Readonly<Record<string, string>> {
  return Object.fromEntries(named.map(([name, at]) => [name, printAddress(at)]));
}
