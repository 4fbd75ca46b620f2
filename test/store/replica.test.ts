// The replica shows only what the stream really was, never half of it, and never an empty world by mistake.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { seededRandom, shortId } from "../../src/platform/random.ts";
import { MemoryServer } from "../../src/store/memory/server.ts";
import { Replica, type ReplicaChange } from "../../src/store/replica.ts";
import {
  keptDecoded,
  type OperationId,
  type RecordKey,
  type Store,
  type StoreRecord,
  type StreamName,
} from "../../src/store/store.ts";
import { ManualClock, settled } from "../support/manual_clock.ts";

const random = seededRandom(7);
const key = (text: string): RecordKey => text as RecordKey;

function begin(): { server: MemoryServer; store: Store; clock: ManualClock } {
  const clock = new ManualClock();
  const server = new MemoryServer({ clock, random });
  return { server, store: server.open(), clock };
}

function replicaOf(store: Store, clock: ManualClock): Replica<string> {
  const decode = ({ value }: StoreRecord): string => {
    if (typeof value !== "string") throw new Error("it is not text");
    return value;
  };
  return new Replica({ store, clock, decode });
}

async function put(store: Store, stream: StreamName, values: Record<string, unknown>): Promise<string> {
  const writes = [];
  for (const [name, value] of Object.entries(values)) {
    writes.push({ key: key(name), value, seen: await store.read(stream, key(name)) });
  }
  const outcome = await store.append(stream, { operation: shortId(random, 20) as OperationId, writes });
  assert.ok(outcome.kind === "done", JSON.stringify(outcome));
  return `${store.incarnation(stream)}-${outcome.sequence}`;
}

test("before it is synced it shows nothing; then everything at once", async () => {
  const { store, clock } = begin();
  await put(store, "records", { "object.a": "1", "object.b": "2" });
  const replica = replicaOf(store, clock);
  const changes: ReplicaChange[] = [];
  replica.subscribe((change) => changes.push(change));
  assert.equal(replica.synced, false);
  assert.deepEqual(replica.list("object"), []);
  await replica.whenSynced();
  assert.deepEqual(
    replica.list("object").map(({ object }) => object),
    ["1", "2"],
  );
  const first = changes.find(({ stream }) => stream === "records");
  assert.deepEqual(first, { stream: "records", keys: ["object.a", "object.b"], position: 2, reset: true });
  assert.equal(replica.revision(), `${store.incarnation("records")}-2`);
});

test("one change per append, with its keys; a deleted object is gone, its record is not", async () => {
  const { store, clock } = begin();
  const replica = replicaOf(store, clock);
  await replica.whenSynced();
  const changes: ReplicaChange[] = [];
  replica.subscribe((change) => changes.push(change));
  await put(store, "records", { "object.a": "1", "object.b": "2" });
  await replica.waitFor(await put(store, "records", { "object.a": undefined }));
  assert.deepEqual(
    changes.map(({ keys, position, reset }) => ({ keys, position, reset })),
    [
      { keys: ["object.a", "object.b"], position: 2, reset: false },
      { keys: ["object.a"], position: 3, reset: false },
    ],
  );
  assert.equal(replica.get(key("object.a")), undefined);
  assert.equal(replica.record(key("object.a"))?.sequence, 3);
});

test("a lean record's value is let go, but not before it has been understood; its decoder sees what was understood", async () => {
  const { store, clock } = begin();
  const decode = ({ value }: StoreRecord, before?: string): string => {
    if (typeof value !== "string") throw new Error("it is not text");
    return `${before ?? ""}${value}`;
  };
  const replica = new Replica({ store, clock, decode, isLean: (of) => of === key("object.a") });
  await replica.whenSynced();
  const written = { "object.a": "1", "object.b": "2" };
  await replica.waitFor(await put(store, "records", written));
  const values = () => Object.keys(written).map((name) => replica.record(key(name))?.value);
  assert.deepEqual(values(), [keptDecoded, "2"]);
  await replica.waitFor(await put(store, "records", { "object.a": "3" }));
  assert.equal(replica.get(key("object.a"))?.object, "13");
  await replica.waitFor(await put(store, "records", { "object.a": 4 }));
  assert.deepEqual(values(), [4, "2"]);
  await replica.waitFor(await put(store, "records", { "object.a": undefined }));
  assert.deepEqual(values(), [undefined, "2"]);
});

test("list takes whole tokens", async () => {
  const { store, clock } = begin();
  const replica = replicaOf(store, clock);
  await put(store, "records", { "object.vs.a": "1", "object.vsx.a": "2", "objects.vs": "3" });
  await replica.waitFor(await put(store, "endpoints", { "endpoints.ns.reviews.agent.0": "4" }));
  await replica.whenSynced();
  const listed = (prefix: string): string[] => replica.list(prefix).map(({ object }) => object);
  assert.deepEqual(listed("object.vs"), ["1"]);
  assert.deepEqual(listed("object"), ["1", "2"]);
  assert.deepEqual(listed("object.vs.a"), ["1"]);
  assert.deepEqual(listed("object.v"), []);
  assert.deepEqual(listed("endpoints.ns.reviews"), ["4"]);
});

test("a value that cannot be decoded leaves the last good object, and is listed; so do bytes that are no record", async () => {
  const { server, store, clock } = begin();
  const replica = replicaOf(store, clock);
  await put(store, "records", { "object.a": "good", "object.b": "good" });
  await put(store, "records", { "object.a": 42 });
  server.overwrite("records", key("object.b"), new Uint8Array([0xc1]));
  await replica.waitFor(`${store.incarnation("records")}-4`);
  assert.deepEqual(
    replica.list("object").map(({ object, sequence }) => [object, sequence]),
    [
      ["good", 1],
      ["good", 2],
    ],
  );
  assert.deepEqual(
    replica.problems().map((problem) => [problem.key, problem.sequence]),
    [
      ["object.a", 3],
      ["object.b", 4],
    ],
  );
  await replica.waitFor(await put(store, "records", { "object.a": "mended" }));
  assert.equal(replica.get(key("object.a"))?.object, "mended");
  assert.deepEqual(
    replica.problems().map((problem) => problem.key),
    ["object.b"],
  );
});

test("records of another incarnation take the place of the old ones in one step", async () => {
  const { server, store, clock } = begin();
  const replica = replicaOf(store, clock);
  const old = await put(store, "records", { "object.a": "old", "object.b": "old" });
  await replica.waitFor(old);
  const changes: ReplicaChange[] = [];
  replica.subscribe((change) => changes.push(change));
  server.recreate("records");
  await settled();
  assert.deepEqual(changes, [{ stream: "records", keys: ["object.a", "object.b"], position: 0, reset: true }]);
  await assert.rejects(replica.waitFor(old), { code: "conflict" });
  await replica.waitFor(await put(store, "records", { "object.c": "new" }));
  assert.deepEqual(
    replica.list("object").map(({ object }) => object),
    ["new"],
  );
});

test("endpoints of a lost stream are carried on until their source says its set again", async () => {
  const { server, store, clock } = begin();
  const replica = replicaOf(store, clock);
  await replica.waitFor(
    await put(store, "endpoints", {
      "endpoints.ns.reviews.agent-1.0": "r1",
      "endpoints.ns.reviews.agent-1.1": "r1 more",
      "endpoints.ns.reviews.agent-2.0": "r2",
      "endpoints.ns.ratings.agent-1.0": "q1",
    }),
  );
  server.recreate("endpoints");
  await settled();
  const shown = (): string[] =>
    replica
      .list("endpoints")
      .map(({ object }) => object)
      .sort();
  assert.deepEqual(shown(), ["q1", "r1", "r1 more", "r2"]);

  const changes: ReplicaChange[] = [];
  replica.subscribe((change) => changes.push(change));
  await replica.waitFor(await put(store, "endpoints", { "endpoints.ns.reviews.agent-1.0": "r1 again" }));
  assert.deepEqual(shown(), ["q1", "r1 again", "r2"], "its second shard was of the old set");
  assert.deepEqual(changes[0]?.keys.toSorted(), [
    "endpoints.ns.reviews.agent-1.0",
    "endpoints.ns.reviews.agent-1.0",
    "endpoints.ns.reviews.agent-1.1",
  ]);
  await replica.waitFor(await put(store, "endpoints", { "endpoints.ns.reviews.agent-2.0": undefined }));
  assert.deepEqual(shown(), ["q1", "r1 again"], "a source may say that it has nothing");

  server.recreate("endpoints");
  await settled();
  assert.deepEqual(shown(), ["q1", "r1 again"], "carried a second time");
  replica.release((carried) => carried.includes(".agent-1."));
  assert.deepEqual(shown(), []);
});

test("a wait ends with its signal, and with the replica", async () => {
  const { store, clock } = begin();
  const replica = replicaOf(store, clock);
  await replica.whenSynced();
  const future = `${store.incarnation("records")}-99`;
  const giveUp = new AbortController();
  const given = replica.waitFor(future, giveUp.signal);
  giveUp.abort(new Error("enough"));
  await assert.rejects(given, /enough/);
  const stopped = replica.waitFor(future);
  await Promise.all([assert.rejects(stopped, { code: "cancelled" }), replica.close()]);
  await assert.rejects(replica.waitFor("nonsense"), { code: "invalid" });
});

test("how stale it is: since the leaders last confirmed that all of both streams is shown", async () => {
  const { store, clock } = begin();
  const replica = replicaOf(store, clock);
  assert.equal(replica.staleMs(), Number.POSITIVE_INFINITY);
  await replica.whenSynced();
  await clock.advance(500);
  assert.equal(replica.staleMs(), 500);
});

test("property: after any faults, replicas agree with the leader and, by checksum, with one another", async () => {
  const name = fc.constantFrom("object.a", "object.b", "service.c", "service.d");
  const batch = fc.dictionary(name, fc.option(fc.string(), { nil: undefined }), { minKeys: 1, noNullPrototype: true });
  const share = fc.double({ min: 0, max: 0.5, noNaN: true });
  const faults = fc.record({ duplicateDelivery: share, tailPause: share, tailReset: fc.double({ min: 0, max: 0.2 }) });
  await fc.assert(
    fc.asyncProperty(fc.integer(), faults, fc.array(batch, { maxLength: 25 }), async (seed, misbehaviour, batches) => {
      const clock = new ManualClock();
      const server = new MemoryServer({ clock, random: seededRandom(seed), faults: misbehaviour });
      const store = server.open();
      const replicas = [replicaOf(server.open(), clock), replicaOf(server.open(), clock)];
      const backward: ReplicaChange[] = [];
      for (const replica of replicas) {
        let shown = 0;
        replica.subscribe((change) => {
          if (change.stream !== "records") return;
          if (change.reset ? change.position < shown : change.position <= shown) backward.push(change);
          shown = change.position;
        });
      }
      for (const values of batches) {
        await put(store, "records", values);
        await clock.advance(100);
      }
      Object.assign(server.faults, { duplicateDelivery: 0, tailPause: 0, tailReset: 0 });
      await clock.advance(10_000);
      await put(store, "records", { "object.last": "x" });
      await clock.advance(10);
      assert.deepEqual(backward, [], "what is shown never goes back, and no append is shown twice");
      for (const replica of replicas) {
        for (const each of ["object.a", "object.b", "service.c", "service.d", "object.last"]) {
          const truth = await store.read("records", key(each));
          assert.equal(replica.get(key(each))?.object, truth?.value);
          assert.equal(replica.record(key(each))?.sequence, truth?.sequence);
        }
        assert.equal(replica.checksum("records"), replicas[0]?.checksum("records"));
      }
      await Promise.all(replicas.map((replica) => replica.close()));
    }),
    { numRuns: 100 },
  );
});
