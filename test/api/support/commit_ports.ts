/** A node's store and copy over the in-memory twin: real parts, nothing else running. */
import type { TestContext } from "node:test";
import type { CommitPorts } from "../../../src/api/commit.ts";
import { decodeMeshRecord } from "../../../src/meshd/mesh_record.ts";
import { ReplicaMirror } from "../../../src/meshd/mirror.ts";
import { systemClock } from "../../../src/platform/clock.ts";
import { seededRandom } from "../../../src/platform/random.ts";
import { MemoryServer } from "../../../src/store/memory/server.ts";
import { Replica } from "../../../src/store/replica.ts";
import type { Store } from "../../../src/store/store.ts";

export interface OpenedPorts {
  readonly ports: CommitPorts;
  readonly server: MemoryServer;
  /** Another node's store on the same truth. */
  readonly other: Store;
}

export async function openCommitPorts(t: TestContext, seed = 1): Promise<OpenedPorts> {
  const clock = systemClock;
  const random = seededRandom(seed);
  const server = new MemoryServer({ clock, random });
  const store = server.open();
  const other = server.open();
  const replica = new Replica({ store, clock, decode: decodeMeshRecord });
  t.after(async () => {
    await replica.close();
    await Promise.all([store.close(), other.close()]);
  });
  await replica.whenSynced();
  return { ports: { store, mirror: new ReplicaMirror(replica, store), clock, random }, server, other };
}
