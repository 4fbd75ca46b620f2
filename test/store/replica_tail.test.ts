import assert from "node:assert/strict";
import { test } from "node:test";
import { seededRandom, shortId } from "../../src/platform/random.ts";
import { MemoryServer } from "../../src/store/memory/server.ts";
import { Replica } from "../../src/store/replica.ts";
import { tailOfReplica } from "../../src/store/replica_tail.ts";
import type { OperationId, RecordKey, Store, TailHandler } from "../../src/store/store.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { turnsUntil } from "../support/turns.ts";

const random = seededRandom(3);

function begin(): { server: MemoryServer; store: Store; replica: Replica<unknown> } {
  const clock = new ManualClock();
  const server = new MemoryServer({ clock, random });
  const store = server.open();
  return { server, store, replica: new Replica({ store, clock, decode: ({ value }) => value }) };
}

async function put({ store, replica }: ReturnType<typeof begin>, name: string, value: unknown): Promise<void> {
  const key = name as RecordKey;
  const writes = [{ key, value, seen: await store.read("records", key) }];
  const outcome = await store.append("records", { operation: shortId(random, 20) as OperationId, writes });
  assert.equal(outcome.kind, "done");
  if (outcome.kind === "done") await replica.waitFor(`${store.incarnation("records")}-${outcome.sequence}`);
}

function heard(): { readonly said: string[]; readonly handler: TailHandler } {
  const said: string[] = [];
  const handler: TailHandler = {
    kinds: ["actor"],
    batch: (entries, sequence) => {
      for (const { record } of entries) said.push(`${sequence} ${record.key}=${record.value}`);
    },
    reset: () => said.push("reset"),
    synced: (sequence) => said.push(`synced ${sequence}`),
  };
  return { said, handler };
}

test("who begins before the first reading is passed all of it, then each change; what is deleted comes as such", async () => {
  const world = begin();
  const { said, handler } = heard();
  tailOfReplica(world.replica, handler);
  await world.replica.whenSynced();
  await put(world, "actor.a", "1");
  await put(world, "object.b", "2");
  await put(world, "actor.a", undefined);
  assert.deepEqual(said, ["reset", "synced 0", "1 actor.a=1", "3 actor.a=undefined"]);
});

test("who begins later is passed what is shown, tombstones too; nobody is passed anything after the end", async () => {
  const world = begin();
  await world.replica.whenSynced();
  await put(world, "actor.a", "1");
  await put(world, "actor.b", "2");
  await put(world, "actor.b", undefined);
  const { said, handler } = heard();
  const tail = tailOfReplica(world.replica, handler);
  assert.deepEqual(said, ["3 actor.a=1", "3 actor.b=undefined"]);
  await tail.stop();
  await put(world, "actor.a", "3");
  assert.equal(said.length, 2);
});

test("a stream that is read anew is passed as one reset, with what it holds now", async () => {
  const world = begin();
  await world.replica.whenSynced();
  await put(world, "actor.a", "1");
  const { said, handler } = heard();
  tailOfReplica(world.replica, handler);
  world.replica.reread("records", "nodes");
  await turnsUntil(() => said.length >= 4);
  assert.deepEqual(said, ["1 actor.a=1", "reset", "1 actor.a=1", "synced 1"]);
});
