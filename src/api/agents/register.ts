/**
 * Carries out what plan.ts decides about a host's set of workloads, in an order that a repeated call can always finish:
 * claims at the services, records of what is new, endpoints (withdrawn ones too), and last the records and claims of
 * what is gone, by which a repeated call would find out what else to withdraw.
 */
import type { WorkloadSet, WorkloadSetReply } from "../../certificates/attestation/protocol.ts";
import { type ServiceRef, serviceKey } from "../../model/names.ts";
import { nameOfWorkload, type Workload } from "../../model/workload.ts";
import { limits } from "../../platform/limits.ts";
import type { Sequence, Write } from "../../store/store.ts";
import { catchUp, commit } from "../commit.ts";
import { SupersededSet, writeSet } from "../endpoints/write.ts";
import type { Held, Seen } from "../ports.ts";
import { printPosition } from "../revision.ts";
import {
  admitWorkloads,
  claimsOf,
  recordDeletions,
  recordWrites,
  type ServiceClaim,
  sourceSet,
  withoutConflicts,
} from "./plan.ts";
import type { AgentPorts } from "./ports.ts";

export const sourceOfHost = (hostName: string): string => `agent-${hostName}`;

export async function registerWorkloads(
  ports: AgentPorts,
  hostName: string,
  set: WorkloadSet,
  signal: AbortSignal,
): Promise<WorkloadSetReply> {
  try {
    return await carryOut(ports, hostName, set, signal);
  } catch (cause) {
    if (!(cause instanceof SupersededSet)) throw cause;
    const { records, endpoints } = ports.mirror.position();
    const revision = printPosition(ports.store, "records", records);
    const endpointsToken = printPosition(ports.store, "endpoints", endpoints);
    return { revision, endpointsToken, refused: [], superseded: cause.newest };
  }
}

async function carryOut(
  ports: AgentPorts,
  hostName: string,
  set: WorkloadSet,
  signal: AbortSignal,
): Promise<WorkloadSetReply> {
  const source = sourceOfHost(hostName);
  // The set may have been said to another node a moment ago.
  await Promise.all([catchUp(ports, "records", signal), catchUp(ports, "endpoints", signal)]);
  const lookup = (workload: Workload): Seen<Workload> => ports.mirror.workload(workload.namespace, workload.name);
  const newest = newestSaid(ports, source);
  if (set.said !== undefined && newest > set.said) throw new SupersededSet(source, newest);
  const admitted = admitWorkloads(set, { hostName, lookup, isLive: (host) => ports.hosts.isLive(host) });
  const before = workloadsOf(ports, hostName);
  const registered = new Set(before.map(({ value }) => nameOfWorkload(value)));
  const wanted = claimsOf(admitted.items, (workload) => registered.has(nameOfWorkload(workload)));
  const claims = await Promise.all(wanted.map((claim) => settleClaim(ports, source, claim, signal)));
  const refused = [...admitted.refused, ...claims.flatMap((claim) => claim.refused)];
  const without = new Set(refused.map(({ workload }) => workload));
  const items = admitted.items.filter(({ workload }) => !without.has(nameOfWorkload(workload)));
  const withdrawn = servicesGone(before, claims);

  const made = await writeRecords(ports, () => recordWrites(items, lookup), signal);
  const sets = [
    ...claims.map((claim) => sourceSet(claim, source, ports.trustDomain)),
    ...withdrawn.map((service) => ({ service, source, ports: [], endpoints: [] })),
  ];
  const { said } = set;
  const numbered = sets.map((one) => ({ ...one, ...(said !== undefined && { said }) }));
  const shards = await Promise.all(numbered.map((one) => writeSet(ports, one, "caught-up", signal)));
  const removed = await writeRecords(ports, () => recordDeletions(items, workloadsOf(ports, hostName)), signal);
  await Promise.all(withdrawn.map((service) => release(ports, source, service, signal)));
  const held = ports.mirror.position();
  return {
    revision: printPosition(ports.store, "records", Math.max(made, removed)),
    endpointsToken: printPosition(ports.store, "endpoints", shards.length > 0 ? Math.max(...shards) : held.endpoints),
    refused,
  };
}

export function workloadsOf(ports: Pick<AgentPorts, "mirror">, hostName: string): readonly Held<Workload>[] {
  return [...ports.mirror.workloads()].filter(({ value }) => value.host === hostName);
}

function newestSaid(ports: Pick<AgentPorts, "mirror">, source: string): number {
  const own = [...ports.mirror.shards()].filter(({ value }) => value.source === source);
  return Math.max(...own.map(({ value }) => value.said ?? 0), 0);
}

async function settleClaim(
  ports: AgentPorts,
  source: string,
  claim: ServiceClaim,
  signal: AbortSignal,
): Promise<ServiceClaim> {
  const { service, ports: wanted } = claim;
  if (ports.claims.holds(service, source, wanted)) return claim;
  const outcome = await ports.claims.claimPorts(service, source, wanted, signal);
  if (outcome.kind === "claimed") return claim;
  // Each conflict takes at least one port out of the claim, so this ends.
  const rest = withoutConflicts(claim, outcome.conflicts);
  return rest.items.length < claim.items.length ? settleClaim(ports, source, rest, signal) : rest;
}

async function release(ports: AgentPorts, source: string, service: ServiceRef, signal: AbortSignal): Promise<void> {
  if (ports.claims.holds(service, source, [])) return;
  await ports.claims.claimPorts(service, source, [], signal);
}

function servicesGone(before: readonly Held<Workload>[], claims: readonly ServiceClaim[]): readonly ServiceRef[] {
  const kept = new Set(claims.filter(({ items }) => items.length > 0).map(({ service }) => serviceKey(service)));
  const gone = new Map<string, ServiceRef>();
  for (const { value } of before) {
    if (value.role === "sidecar" && !kept.has(serviceKey(value.service)))
      gone.set(serviceKey(value.service), value.service);
  }
  return [...gone.values()];
}

/** In batches: what is between two of them is a set that is not finished yet, as a repeated call would find it. */
async function writeRecords(ports: AgentPorts, plan: () => readonly Write[], signal: AbortSignal): Promise<Sequence> {
  const planned = () => {
    const writes = plan();
    const appends = [];
    for (let from = 0; from < writes.length; from += limits.batchMessages) {
      appends.push({ writes: writes.slice(from, from + limits.batchMessages) });
    }
    return { result: undefined, appends };
  };
  const { sequence } = await commit(ports, { stream: "records", freshness: "caught-up", plan: planned, signal });
  return sequence;
}
