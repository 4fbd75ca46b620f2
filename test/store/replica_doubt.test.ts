// A copy that is not what the stream says is found, and read anew: without a false alarm, and without a gap in what is shown.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { limits } from "../../src/platform/limits.ts";
import { seededRandom } from "../../src/platform/random.ts";
import { MemoryServer } from "../../src/store/memory/server.ts";
import { type MarkedStream, Replica, type ReplicaChange } from "../../src/store/replica.ts";
import type { Store, StoreRecord, StreamName } from "../../src/store/store.ts";
import { ManualClock, settled } from "../support/manual_clock.ts";
import { append, keyOf, sequenceOf, write } from "./store_world.ts";

interface Thing {
  text: string;
}

function replicaOf(store: Store, clock: ManualClock): Replica<Thing> {
  return new Replica({ store, clock, decode: ({ value }: StoreRecord): Thing => ({ text: String(value) }) });
}

async function put(store: Store, stream: StreamName, name: string, value: unknown): Promise<number> {
  const key = keyOf(stream === "endpoints" ? "endpoints" : "object", name);
  const seen = await store.read(stream, key);
  return sequenceOf(await store.append(stream, append(write(key, value, seen))));
}

test("an object that changes in memory is found within one round, and is what was written again", async () => {
  const clock = new ManualClock();
  const server = new MemoryServer({ clock, random: seededRandom(1) });
  const store = server.open();
  const replica = replicaOf(server.open(), clock);
  const count = 60;
  for (let n = 0; n < count; n++) await put(store, "records", `n${n}`, `value ${n}`);
  await replica.whenSynced();
  await clock.advance(2 * limits.replicaRoundMs);
  assert.deepEqual(replica.rereads, { memory: 0, nodes: 0 }, "nothing is wrong with what nobody touched");

  const changes: ReplicaChange[] = [];
  replica.subscribe((change) => changes.push(change));
  const flipped = replica.get(keyOf("object", `n${count - 5}`));
  assert.ok(flipped);
  flipped.object.text = "vamue";
  await clock.advance(limits.replicaRoundMs + limits.replicaLookMs);

  assert.equal(replica.get(flipped.key)?.object.text, `value ${count - 5}`);
  assert.deepEqual(replica.rereads, { memory: 1, nodes: 0 });
  assert.deepEqual(
    changes.map(({ reset, position }) => ({ reset, position })),
    [{ reset: true, position: count }],
  );
  assert.ok(replica.staleMs() <= limits.tailWatchMs);
});

test("a stream read anew stays on show until it has been read", async () => {
  const clock = new ManualClock();
  const server = new MemoryServer({ clock, random: seededRandom(1) });
  const store = server.open();
  const replica = replicaOf(server.open(), clock);
  await put(store, "endpoints", "a", "1");
  await replica.whenSynced();
  server.pauseTails();
  replica.reread("endpoints", "nodes");
  await put(store, "endpoints", "a", "2");
  await settled();
  assert.equal(replica.get(keyOf("endpoints", "a"))?.object.text, "1");
  assert.equal(replica.marked("endpoints"), undefined, "half of a reading is compared with nobody");
  assert.equal(replica.staleMs(), Number.POSITIVE_INFINITY);
  server.resumeTails();
  await settled();
  assert.equal(replica.get(keyOf("endpoints", "a"))?.object.text, "2");
});

test("property: where two copies have been at the same position their checksums are equal, late readers too", async () => {
  const stream = fc.constantFrom<StreamName>("records", "endpoints");
  const step = fc.record({ stream, name: fc.constantFrom("a", "b", "c"), late: fc.boolean(), pass: fc.nat(1_500) });
  let compared = 0;
  await fc.assert(
    fc.asyncProperty(fc.integer(), fc.array(step, { minLength: 5, maxLength: 40 }), async (seed, steps) => {
      const clock = new ManualClock();
      const server = new MemoryServer({ clock, random: seededRandom(seed) });
      const store = server.open();
      let paused = false;
      const [close, late] = [
        replicaOf(server.open(), clock),
        replicaOf(server.open({ tailsPaused: () => paused }), clock),
      ];
      for (const { stream: into, name, late: isLate, pass } of steps) {
        paused = isLate;
        await put(store, into, name, `${pass}`);
        if (!isLate) server.wakeTails();
        await clock.advance(pass);
      }
      paused = false;
      server.wakeTails();
      await clock.advance(3 * limits.tailWatchMs);
      for (const each of ["records", "endpoints"] as const) {
        const here = marksOf(close.marked(each));
        for (const [position, checksum] of marksOf(late.marked(each))) {
          if (!here.has(position)) continue;
          assert.equal(checksum, here.get(position), `${each} at ${position}`);
          compared++;
        }
        assert.ok(here.has(close.position()[each]), "caught up, both can be compared where they stand");
        assert.ok(marksOf(late.marked(each)).has(late.position()[each]));
      }
      await Promise.all([close.close(), late.close()]);
    }),
    { numRuns: 100 },
  );
  assert.ok(compared > 500, `${compared} positions in common`);
});

function marksOf(marked: MarkedStream | undefined): Map<number, string> {
  return new Map(marked?.marks.map(({ position, checksum }) => [position, checksum]));
}
