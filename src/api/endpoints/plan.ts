/**
 * Decides which shards one source's set of endpoints becomes. An endpoint stays in the shard where it is, a new one goes
 * to the first with room, so one changed endpoint rewrites one record, and the order in which a set was said means
 * nothing. Pure.
 */
import { isDeepStrictEqual } from "node:util";
import type { Endpoint, EndpointShard, ServicePort } from "../../model/endpoint.ts";
import type { ServiceRef } from "../../model/names.ts";
import { limits } from "../../platform/limits.ts";
import { shardRecord } from "../../store/keys.ts";
import type { Write } from "../../store/store.ts";
import type { Seen } from "../ports.ts";

/** All that one source says of one service. No ports and no endpoints: it says nothing any more. */
export interface SourceSet {
  readonly service: ServiceRef;
  readonly source: string;
  readonly ports: readonly ServicePort[];
  readonly endpoints: readonly Endpoint[];
  /** Rises with every set that the source says; see EndpointShard. */
  readonly said?: number;
}

/** The number of a newer set that stands already; undefined: there is none. */
export function newerThan({ said }: SourceSet, seen: readonly Seen<EndpointShard>[]): number | undefined {
  const newest = Math.max(...seen.map(({ value }) => value?.said ?? 0), 0);
  return said !== undefined && newest > said ? newest : undefined;
}

/** @param seen the source's shards 0, 1, … up to the last that was ever written. */
export function planShards(set: SourceSet, seen: readonly Seen<EndpointShard>[]): readonly Write[] {
  const wanted = distribute(set, seen);
  const count = Math.max(wanted.length, seen.length);
  return Array.from({ length: count }, (_, shard) => shard)
    .filter((shard) => !isDeepStrictEqual(unnumbered(seen[shard]?.value), unnumbered(wanted[shard])))
    .map((shard) => ({
      key: shardRecord(set.service, set.source, shard),
      value: wanted[shard],
      seen: seen[shard]?.record,
    }));
}

/** What is said again is nothing new. */
function unnumbered(shard: EndpointShard | undefined): EndpointShard | undefined {
  if (!shard) return undefined;
  const { said: _said, ...rest } = shard;
  return rest;
}

/** Shard number → what it is to hold; undefined: nothing, it is deleted. */
function distribute(set: SourceSet, seen: readonly Seen<EndpointShard>[]): readonly (EndpointShard | undefined)[] {
  if (set.ports.length === 0 && set.endpoints.length === 0) return [];
  const shards: Endpoint[][] = seen.map(() => []);
  if (shards.length === 0) shards.push([]);
  const before = new Map(
    seen.flatMap(({ value }, shard) => (value?.endpoints ?? []).map(({ id }) => [id, shard] as const)),
  );
  const added = set.endpoints.filter((endpoint) => {
    const shard = shards[before.get(endpoint.id) ?? -1];
    shard?.push(endpoint);
    return shard === undefined;
  });
  let open = 0;
  for (const endpoint of added) {
    while ((shards[open]?.length ?? 0) >= limits.endpointsPerShard) open++;
    const shard = shards[open];
    if (shard) shard.push(endpoint);
    else shards.push([endpoint]);
  }
  const { service, source, ports, said } = set;
  // Shard 0 stays even when it is empty: it says that the service has these ports.
  return shards.map((endpoints, shard) =>
    shard > 0 && endpoints.length === 0
      ? undefined
      : {
          service,
          source,
          shard,
          ports,
          endpoints: endpoints.sort((a, b) => (a.id < b.id ? -1 : 1)),
          ...(said !== undefined && { said }),
        },
  );
}
