/** A node's store and copy over the in-memory twin: real parts, nothing else running. */
import type { TestContext } from "node:test";
import type { CommitPorts } from "../../../src/api/commit.ts";
import type { EndpointShard } from "../../../src/model/endpoint.ts";
import type { StoredResource } from "../../../src/model/object.ts";
import type { Workload } from "../../../src/model/workload.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { seededRandom } from "../../../src/platform/random.ts";
import { recordKind } from "../../../src/store/keys.ts";
import { MemoryServer } from "../../../src/store/memory/server.ts";
import { Replica } from "../../../src/store/replica.ts";
import type { Store, StoreRecord } from "../../../src/store/store.ts";
import { mirrorOf } from "./mirror.ts";

export interface OpenedPorts {
  readonly ports: CommitPorts;
  readonly server: MemoryServer;
  /** Another node's store on the same truth. */
  readonly other: Store;
}

// What these tests store is what the code under test made: it is taken for what its key says.
const readers = {
  objectOf: (record: StoreRecord) =>
    recordKind(record.key) === "object" ? (record.value as StoredResource) : undefined,
  workloadOf: (record: StoreRecord) => (recordKind(record.key) === "workload" ? (record.value as Workload) : undefined),
  shardOf: (record: StoreRecord) =>
    recordKind(record.key) === "endpoints" ? (record.value as EndpointShard) : undefined,
};

export async function openCommitPorts(t: TestContext, seed = 1): Promise<OpenedPorts> {
  const clock = systemClock;
  const random = seededRandom(seed);
  const server = new MemoryServer({ clock, random });
  const store = server.open();
  const other = server.open();
  const replica = new Replica({ store, clock, decode: (record) => record });
  t.after(async () => {
    await replica.close();
    await Promise.all([store.close(), other.close()]);
  });
  await replica.whenSynced();
  return { ports: { store, mirror: mirrorOf(replica, store, readers), clock, random }, server, other };
}
