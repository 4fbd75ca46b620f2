/**
 * Merging: one service out of what its sources say of it, shard by shard. Pure, and the order of the shards does not
 * matter: they are taken by source and number. The ports are the union (the first who says its protocol
 * names a port); endpoints are the
 * union too, and one that two sources know is theirs together, as healthy as the better of them says. What a source
 * that has gone silent had said is marked: it still says which ports and identities the service has.
 */
import type { Endpoint, EndpointShard, Health, ServicePort } from "../model/endpoint.ts";
import type { SpiffeId } from "../model/identity.ts";
import type { Locality, WorkloadName } from "../model/names.ts";
import { compare } from "./hosts.ts";
import { same, withKnown } from "./same.ts";
import type { Silent } from "./withholding.ts";

export interface MergedService {
  /** By number. */
  readonly ports: readonly ServicePort[];
  /** By source, then id. */
  readonly endpoints: readonly MergedEndpoint[];
}

export interface MergedEndpoint {
  readonly source: string;
  readonly id: string;
  readonly address: string;
  /** Service port number → the number that answers at `address`. */
  readonly ports: Readonly<Record<number, number>>;
  readonly health: Health;
  readonly weight: number;
  readonly locality: Locality;
  /** "": the mesh's own. */
  readonly network: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Present: it answers mTLS with this identity. */
  readonly identity?: SpiffeId;
  readonly workload?: WorkloadName;
  /** Present: nobody has heard of its host. */
  readonly silent?: Silent;
}

/** @param before as they were merged last, for those of them that are as they were. */
export function mergeShards(
  shards: readonly EndpointShard[],
  silentOf: (source: string) => Silent | undefined = () => undefined,
  before: readonly MergedEndpoint[] = [],
): MergedService {
  const ordered = [...shards].sort((a, b) => compare(a.source, b.source) || a.shard - b.shard);
  const endpoints = new Map<string, MergedEndpoint>();
  for (const shard of ordered) {
    // Port names are each source's own; the number is what they share.
    const portsOf = portNumbers(shard.ports, before);
    const silent = silentOf(shard.source);
    for (const endpoint of shard.endpoints) {
      const key = `${shard.source}\n${endpoint.id}`;
      // A source that moves an endpoint from one shard to another may for a moment say it twice.
      if (!endpoints.has(key))
        endpoints.set(key, { ...merged(shard.source, endpoint, portsOf(endpoint.ports)), ...(silent && { silent }) });
    }
  }
  return {
    ports: portsTogether(ordered.flatMap((shard) => shard.ports)),
    endpoints: withKnown(
      [...endpoints.values()].sort((a, b) => compare(a.source, b.source) || compare(a.id, b.id)),
      before,
    ),
  };
}

/** By number; of two that say one number, the first that names its protocol. */
export function portsTogether(said: readonly ServicePort[]): readonly ServicePort[] {
  const ports = new Map<number, ServicePort>();
  for (const port of said) {
    const known = ports.get(port.port);
    if (!known || (known.protocol === "auto" && port.protocol !== "auto")) ports.set(port.port, port);
  }
  return [...ports.values()].sort((a, b) => a.port - b.port);
}

/**
 * Port names → the service's numbers. Endpoints mostly have the same: they share one answer, that of before if it is the
 * same, because V8 keeps a field named 80 in a kilobyte.
 */
function portNumbers(
  servicePorts: readonly ServicePort[],
  before: readonly MergedEndpoint[],
): (named: Endpoint["ports"]) => MergedEndpoint["ports"] {
  const numbers = new Map(servicePorts.map(({ name, port }) => [name, port]));
  const answers = new Map<string, MergedEndpoint["ports"]>();
  return (named) => {
    const text = JSON.stringify(named);
    const known = answers.get(text);
    if (known) return known;
    const targets = Object.entries(named).flatMap(([name, target]) => {
      const port = numbers.get(name);
      return port === undefined ? [] : [[port, target] as const];
    });
    const made = Object.fromEntries(targets);
    const answer = before.find(({ ports }) => same(ports, made))?.ports ?? made;
    answers.set(text, answer);
    return answer;
  };
}

function merged(source: string, endpoint: Endpoint, ports: MergedEndpoint["ports"]): MergedEndpoint {
  const { id, address, health, weight, locality, network, labels, transport, identity, workload } = endpoint;
  const base = { source, id, address, ports, health, weight, locality, network, labels };
  return {
    ...base,
    ...(transport === "mtls" && identity !== undefined ? { identity } : {}),
    ...(workload !== undefined ? { workload } : {}),
  };
}

const ranks: Readonly<Record<Health, number>> = { healthy: 0, draining: 1, unhealthy: 2 };

/** Whether `left` is in better health than `right`. */
export function healthier(left: Health, right: Health): boolean {
  return ranks[left] < ranks[right];
}
