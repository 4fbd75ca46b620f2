/** Writes one source's set of endpoints. Called by `PUT endpoints` and for the workloads of an agent. */

import type { EndpointShard } from "../../model/endpoint.ts";
import type { ServiceRef } from "../../model/names.ts";
import type { Sequence } from "../../store/store.ts";
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

/** @returns the sequence that holds the set. A source has one writer, so nothing needs to be read at the leader first. */
export async function writeSet(
  ports: CommitPorts,
  set: SourceSet,
  freshness: "sole-writer" | "caught-up",
  signal: AbortSignal,
): Promise<Sequence> {
  const plan = (): PlannedWrites<undefined> => {
    const seen = shardsSeen(ports.mirror, set.service, set.source);
    const newer = newerThan(set, seen);
    if (newer !== undefined) throw new SupersededSet(set.source, newer);
    const writes = planShards(set, seen);
    return { result: undefined, appends: writes.map((write) => ({ writes: [write] })) };
  };
  const { sequence } = await commit(ports, { stream: "endpoints", freshness, plan, signal });
  return sequence;
}

/** The shards of a source, tombstones among them: they are numbered without a gap. */
export function shardsSeen(mirror: Mirror, service: ServiceRef, source: string): readonly Seen<EndpointShard>[] {
  const seen: Seen<EndpointShard>[] = [];
  for (let shard = mirror.shard(service, source, 0); shard.record; shard = mirror.shard(service, source, seen.length)) {
    seen.push(shard);
  }
  return seen;
}
