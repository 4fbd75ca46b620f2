/** The replica, in the words in which the API asks. */
import type { Held, Mirror, MirrorChange, Seen, StreamPosition } from "../api/ports.ts";
import type { Delivery } from "../model/delivery.ts";
import type { EndpointShard } from "../model/endpoint.ts";
import type { Namespace, ServiceRef } from "../model/names.ts";
import type { ObjectRef, StoredResource } from "../model/object.ts";
import type { Workload } from "../model/workload.ts";
import { deliveryRecord, objectPrefix, objectRecord, shardPrefix, shardRecord, workloadRecord } from "../store/keys.ts";
import type { Replica } from "../store/replica.ts";
import { type RecordKey, revisionOf, type Store, type StoreRecord } from "../store/store.ts";
import type { MeshRecord } from "./mesh_record.ts";

export class ReplicaMirror implements Mirror {
  readonly #replica: Replica<MeshRecord>;
  readonly #store: Store;

  constructor(replica: Replica<MeshRecord>, store: Store) {
    this.#replica = replica;
    this.#store = store;
  }

  object(ref: ObjectRef): Seen<StoredResource> {
    return this.#seen(objectRecord(ref), storedResource);
  }

  workload(namespace: Namespace, name: string): Seen<Workload> {
    return this.#seen(workloadRecord(namespace, name), workloadOf);
  }

  shard(service: ServiceRef, source: string, shard: number): Seen<EndpointShard> {
    return this.#seen(shardRecord(service, source, shard), shardOf);
  }

  delivery(): Seen<Delivery> {
    return this.#seen(deliveryRecord, (record) => (record.kind === "delivery" ? record.delivery : undefined));
  }

  objects(): Iterable<Held<StoredResource>> {
    return this.#list(objectPrefix(), storedResource);
  }

  workloads(): Iterable<Held<Workload>> {
    return this.#list("workload", workloadOf);
  }

  shards(service?: ServiceRef): Iterable<Held<EndpointShard>> {
    return this.#list(service ? shardPrefix(service) : "endpoints", shardOf);
  }

  position(): StreamPosition {
    return this.#replica.position();
  }

  async waitFor(position: StreamPosition, signal: AbortSignal): Promise<void> {
    for (const stream of ["records", "endpoints"] as const) {
      if (position[stream] === 0) continue;
      await this.#replica.waitFor(revisionOf(this.#store.incarnation(stream), position[stream]), signal);
    }
  }

  subscribe(listener: (change: MirrorChange) => void): () => void {
    return this.#replica.subscribe(({ stream, keys, position }) => {
      const records = keys.map((key) => this.#replica.record(key)).filter((record) => record !== undefined);
      listener({ stream, sequence: position, records });
    });
  }

  #seen<Value>(key: RecordKey, pick: (record: MeshRecord) => Value | undefined): Seen<Value> {
    const record = this.#replica.record(key);
    // What is gone may still be shown (endpoints carried over a reset); only what is stored counts as seen, or its
    // source would find nothing to say again.
    const held = record?.value === undefined ? undefined : this.#replica.get(key);
    return { record, value: held && pick(held.object) };
  }

  #list<Value>(prefix: string, pick: (record: MeshRecord) => Value | undefined): readonly Held<Value>[] {
    return this.#replica.list(prefix).flatMap((held) => {
      const value = pick(held.object);
      const record: StoreRecord | undefined = this.#replica.record(held.key);
      return value === undefined || record?.value === undefined ? [] : [{ record, value }];
    });
  }
}

const storedResource = (record: MeshRecord): StoredResource | undefined =>
  record.kind === "object" ? record.stored : undefined;
const workloadOf = (record: MeshRecord): Workload | undefined =>
  record.kind === "workload" ? record.workload : undefined;
const shardOf = (record: MeshRecord): EndpointShard | undefined => (record.kind === "shard" ? record.shard : undefined);
