/**
 * Decides what an agent's set of workloads means: who is admitted, what ports they claim, which records and endpoint
 * shards say so. Pure; register.ts asks for the claims and writes.
 */
import { isDeepStrictEqual } from "node:util";
import type { WorkloadSet, WorkloadSetReply } from "../../certificates/attestation/protocol.ts";
import type { Endpoint, ServicePort } from "../../model/endpoint.ts";
import { serviceAccountId, type TrustDomain } from "../../model/identity.ts";
import { type ServiceRef, serviceKey } from "../../model/names.ts";
import { nameOfWorkload, type SidecarWorkload, type Workload } from "../../model/workload.ts";
import { workloadRecord } from "../../store/keys.ts";
import type { Write } from "../../store/store.ts";
import type { SourceSet } from "../endpoints/plan.ts";
import type { PortConflict, Seen } from "../ports.ts";

type Item = WorkloadSet["workloads"][number];
type Refusal = WorkloadSetReply["refused"][number];

export interface Admitted {
  readonly items: readonly Item[];
  readonly refused: readonly Refusal[];
}

export interface SetView {
  readonly hostName: string;
  readonly lookup: (workload: Workload) => Seen<Workload>;
  readonly isLive: (hostName: string) => boolean;
}

/** An agent speaks for its own host, and takes no name from another host that lives. */
export function admitWorkloads(set: WorkloadSet, view: SetView): Admitted {
  const items: Item[] = [];
  const refused: Refusal[] = [];
  const names = new Set<string>();
  for (const item of set.workloads) {
    const name = nameOfWorkload(item.workload);
    const refusal = refuseWorkload(item.workload, view, names.has(name));
    if (refusal) refused.push({ workload: name, ...refusal });
    else items.push(item);
    names.add(name);
  }
  return { items, refused };
}

function refuseWorkload(workload: Workload, view: SetView, again: boolean): Omit<Refusal, "workload"> | undefined {
  if (workload.host !== view.hostName) {
    return { code: "not-your-host", message: `an agent of ${view.hostName} cannot speak for host ${workload.host}` };
  }
  if (again) return { code: "duplicate-name", message: "the set names it twice" };
  const holder = view.lookup(workload).value?.host;
  if (holder === undefined || holder === view.hostName || !view.isLive(holder)) return undefined;
  return { code: "name-taken", message: `host ${holder} runs a workload of that name; choose another --name` };
}

/** One service's ports as this host's workloads have them; a port of two protocols belongs to whoever came first. */
export interface ServiceClaim {
  readonly service: ServiceRef;
  readonly ports: readonly ServicePort[];
  readonly items: readonly (Item & { readonly workload: SidecarWorkload })[];
  readonly refused: readonly Refusal[];
}

/** @param known workloads that are registered come before new ones, which must not push them out. */
export function claimsOf(items: readonly Item[], known: (workload: Workload) => boolean): readonly ServiceClaim[] {
  const services = new Map<string, (Item & { readonly workload: SidecarWorkload })[]>();
  for (const item of [...items].sort((a, b) => Number(known(b.workload)) - Number(known(a.workload)))) {
    if (item.workload.role !== "sidecar") continue;
    const key = serviceKey(item.workload.service);
    services.set(key, [...(services.get(key) ?? []), { ...item, workload: item.workload }]);
  }
  return [...services.values()].flatMap((some) => (some[0] ? [claimOf(some[0].workload.service, some)] : []));
}

function claimOf(service: ServiceRef, candidates: ServiceClaim["items"]): ServiceClaim {
  const ports = new Map<number, ServicePort>();
  const names = new Set<string>();
  const items: (typeof candidates)[number][] = [];
  const refused: Refusal[] = [];
  for (const item of candidates) {
    const { inbound } = item.workload;
    const clash = inbound.find(({ port, protocol }) => (ports.get(port)?.protocol ?? protocol) !== protocol);
    if (clash) {
      const other = ports.get(clash.port)?.protocol;
      refused.push(portRefusal(item.workload, clash.port, `${clash.protocol} here, ${other} at another workload`));
      continue;
    }
    items.push(item);
    for (const { name, port, protocol } of inbound) {
      if (ports.has(port)) continue;
      // Two numbers of one name are two ports of the service; its protocol is kept beside the name.
      const unique = names.has(name) ? `${name.slice(0, 57)}-${port}` : name;
      names.add(unique);
      ports.set(port, { name: unique, port, protocol });
    }
  }
  return { service, ports: [...ports.values()].sort((a, b) => a.port - b.port), items, refused };
}

function portRefusal(workload: Workload, port: number, because: string): Refusal {
  const message = `port ${port} has two protocols: ${because}; name the port alike everywhere`;
  return { workload: nameOfWorkload(workload), code: "port-protocol-conflict", message };
}

/** The claim without the workloads whose ports others hold with another protocol. */
export function withoutConflicts(claim: ServiceClaim, conflicts: readonly PortConflict[]): ServiceClaim {
  const taken = new Map(conflicts.map(({ port, because }) => [port, because]));
  const clashing = claim.items.flatMap(({ workload }) => {
    const clash = workload.inbound.find(({ port }) => taken.has(port));
    return clash ? [portRefusal(workload, clash.port, taken.get(clash.port) ?? "")] : [];
  });
  const gone = new Set(clashing.map(({ workload }) => workload));
  const rest = claimOf(
    claim.service,
    claim.items.filter(({ workload }) => !gone.has(nameOfWorkload(workload))),
  );
  return { ...rest, refused: [...claim.refused, ...clashing] };
}

/** What one host says of one service. */
export function sourceSet(claim: ServiceClaim, source: string, trustDomain: TrustDomain): SourceSet {
  const nameOf = new Map(claim.ports.map(({ port, name }) => [port, name]));
  const endpoints = claim.items
    .filter(({ serving, workload }) => serving && workload.inbound.length > 0)
    .map((item) => endpointOf(item, nameOf, trustDomain));
  return { service: claim.service, source, ports: claim.ports, endpoints };
}

function endpointOf(
  { workload, health }: ServiceClaim["items"][number],
  nameOf: ReadonlyMap<number, string>,
  trustDomain: TrustDomain,
): Endpoint {
  const { name, inbound, locality, network, labels } = workload;
  return {
    id: name,
    address: inbound[0]?.listen.address ?? "127.0.0.1",
    ports: Object.fromEntries(inbound.map(({ port, listen }) => [nameOf.get(port) ?? String(port), listen.port])),
    health,
    weight: 1,
    locality,
    network,
    labels,
    transport: "mtls",
    identity: serviceAccountId(trustDomain, workload),
    workload: nameOfWorkload(workload),
  };
}

/** Records to be made or changed. */
export function recordWrites(items: readonly Item[], lookup: SetView["lookup"]): readonly Write[] {
  return items.flatMap(({ workload }) => {
    const seen = lookup(workload);
    if (isDeepStrictEqual(seen.value, workload)) return [];
    return [{ key: workloadRecord(workload.namespace, workload.name), value: workload, seen: seen.record }];
  });
}

/** Records of this host's workloads that are no longer in its set. */
export function recordDeletions(
  items: readonly Item[],
  held: Iterable<{ readonly record: NonNullable<Seen<Workload>["record"]>; readonly value: Workload }>,
): readonly Write[] {
  const kept = new Set(items.map(({ workload }) => nameOfWorkload(workload)));
  return [...held]
    .filter(({ value }) => !kept.has(nameOfWorkload(value)))
    .map(({ record }) => ({ key: record.key, value: undefined, seen: record }));
}
