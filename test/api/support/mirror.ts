/** The API's view of the replica: typed, and with the records that a compare-and-set must name. As the wiring has it. */

import type { Held, Mirror, Seen } from "../../../src/api/ports.ts";
import type { EndpointShard } from "../../../src/model/endpoint.ts";
import type { StoredResource } from "../../../src/model/object.ts";
import type { Workload } from "../../../src/model/workload.ts";
import { objectRecord, shardRecord, workloadRecord } from "../../../src/store/keys.ts";
import type { Replica } from "../../../src/store/replica.ts";
import { type RecordKey, revisionOf, type Store, type StreamName } from "../../../src/store/store.ts";

/** What a decoded record is, for whatever type the replica keeps; undefined: it is something else. */
export interface Readers<T> {
  objectOf(decoded: T): StoredResource | undefined;
  workloadOf(decoded: T): Workload | undefined;
  shardOf(decoded: T): EndpointShard | undefined;
}

export function mirrorOf<T>(replica: Replica<T>, store: Store, readers: Readers<T>): Mirror {
  // A record that is gone may still be shown (endpoints carried over a reset); only what is stored counts as seen.
  const seen = <Value>(key: RecordKey, read: (decoded: T) => Value | undefined): Seen<Value> => {
    const record = replica.record(key);
    const held = record?.value === undefined ? undefined : replica.get(key);
    return { record, value: held && read(held.object) };
  };
  function* all<Value>(prefix: string, read: (decoded: T) => Value | undefined): Iterable<Held<Value>> {
    for (const { key, object } of replica.list(prefix)) {
      const record = replica.record(key);
      const value = read(object);
      if (record?.value !== undefined && value !== undefined) yield { record, value };
    }
  }
  const ofService = (prefix: string): string => prefix.split(".").slice(0, 3).join(".");
  const token = (stream: StreamName, sequence: number): string => revisionOf(store.incarnation(stream), sequence);
  return {
    object: (ref) => seen(objectRecord(ref), readers.objectOf),
    workload: (namespace, name) => seen(workloadRecord(namespace, name), readers.workloadOf),
    shard: (service, source, shard) => seen(shardRecord(service, source, shard), readers.shardOf),
    objects: () => all("object", readers.objectOf),
    workloads: () => all("workload", readers.workloadOf),
    shards: (service) => all(service ? ofService(shardRecord(service, "any", 0)) : "endpoints", readers.shardOf),
    position: () => replica.position(),
    async waitFor({ records, endpoints }, signal) {
      if (records > 0) await replica.waitFor(token("records", records), signal);
      if (endpoints > 0) await replica.waitFor(token("endpoints", endpoints), signal);
    },
    subscribe: (listener) =>
      replica.subscribe(({ stream, keys, position }) => {
        const records = keys.map((key) => replica.record(key)).filter((record) => record !== undefined);
        listener({ stream, sequence: position, records });
      }),
  };
}
