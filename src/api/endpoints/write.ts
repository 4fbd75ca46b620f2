/** Writes one source's set of endpoints. Called by `PUT endpoints` and for the workloads of an agent. */

import type { EndpointShard } from "../../model/endpoint.ts";
import type { ServiceRef } from "../../model/names.ts";
import { limits } from "../../platform/limits.ts";
import type { OperationId, Sequence } from "../../store/store.ts";
import { type CommitPorts, commit, type PlannedWrites } from "../commit.ts";
import type { Mirror, Seen } from "../ports.ts";
import { ApiRefusal } from "../problem_details.ts";
import { newerThan, planShards, type SourceSet } from "./plan.ts";

/** Its source has said a newer set meanwhile, to another node: this one must not replace it. */
export class SupersededSet extends ApiRefusal {
  readonly newest: number;

  constructor(source: string, newest: number) {
    super("conflict", `${source} has said a newer set meanwhile`);
    this.newest = newest;
  }
}

/**
 * A source has one writer, so nothing needs to be read at the leader first.
 * @param operation the caller's own: then the set must stand in one record, which remembers it.
 * @returns the sequence that holds the set.
 */
export async function writeSet(
  ports: CommitPorts,
  set: SourceSet,
  freshness: "sole-writer" | "caught-up",
  signal: AbortSignal,
  operation?: OperationId,
): Promise<Sequence> {
  const plan = (): PlannedWrites<undefined> => {
    const seen = shardsSeen(ports.mirror, set.service, set.source);
    const newer = newerThan(set, seen);
    if (newer !== undefined) throw new SupersededSet(set.source, newer);
    const writes = planShards(set, seen);
    if (operation !== undefined && writes.length > 1) throw severalRecords();
    return { result: undefined, appends: writes.map((write) => ({ writes: [write] })) };
  };
  const records = () => shardsSeen(ports.mirror, set.service, set.source).map(({ record }) => record);
  const own = operation && { id: operation, records, again: () => undefined };
  const { sequence } = await commit(ports, { stream: "endpoints", freshness, plan, operation: own, signal });
  return sequence;
}

function severalRecords(): ApiRefusal {
  const most = limits.endpointsPerShard;
  return new ApiRefusal("too-large", `under an idempotency-key a set changes one record, of ${most} endpoints at most`);
}

/** The shards of a source, tombstones among them: they are numbered without a gap. */
export function shardsSeen(mirror: Mirror, service: ServiceRef, source: string): readonly Seen<EndpointShard>[] {
  const seen: Seen<EndpointShard>[] = [];
  for (let shard = mirror.shard(service, source, 0); shard.record; shard = mirror.shard(service, source, seen.length)) {
    seen.push(shard);
  }
  return seen;
}
