/** A replica's records as a tail would pass them, for those who need not read the stream a second time. */
import type { Replica, ReplicaChange } from "./replica.ts";
import type { RecordKey, Tail, TailHandler } from "./store.ts";

/** Nothing is passed before the replica shows its records; what it does not hold is never passed. */
export function tailOfReplica<T>(replica: Replica<T>, handler: TailHandler): Pick<Tail, "stop"> {
  const { kinds } = handler;
  const isWanted = (key: RecordKey): boolean => !kinds || kinds.some((kind) => key.startsWith(`${kind}.`));
  const pass = (keys: readonly RecordKey[], position: number): void => {
    const records = keys.flatMap((key) => (isWanted(key) ? (replica.record(key) ?? []) : []));
    handler.batch(
      records.map((record) => ({ record })),
      position,
    );
  };
  const stop = replica.subscribe(({ stream, keys, position, reset }: ReplicaChange) => {
    if (stream !== "records") return;
    if (reset) handler.reset("the replica was read anew");
    pass(keys, position);
    if (reset) handler.synced(position);
  });
  const { records: position } = replica.position();
  if (position > 0) pass(replica.keys("records"), position);
  return { stop: async () => stop() };
}
