// The in-memory twin keeps the promises of every Store, and breaks those that a server may break, on demand.

import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock } from "../../src/platform/clock.ts";
import { seededRandom } from "../../src/platform/random.ts";
import { MemoryServer } from "../../src/store/memory/server.ts";
import type { Store } from "../../src/store/store.ts";
import { ManualClock, settled } from "../support/manual_clock.ts";
import { conformance } from "./conformance.ts";
import { append, keyOf, readBack, type StoreWorld, write } from "./store_world.ts";

async function memoryWorld(): Promise<StoreWorld> {
  const server = new MemoryServer({ clock: systemClock, random: seededRandom(1) });
  const stores: Store[] = [];
  const open = async (): Promise<Store> => {
    const store = server.open();
    stores.push(store);
    return store;
  };
  return {
    open,
    writer: open,
    appendUnheard: async (store, stream, append) => {
      server.faults.lostAnswer = 1;
      const outcome = await store.append(stream, append);
      server.faults.lostAnswer = 0;
      return outcome;
    },
    recreate: async (stream) => server.recreate(stream),
    corrupt: async (stream, key, bytes) => server.overwrite(stream, key, bytes),
    cutTails: async () => server.pauseTails(),
    rejoin: async () => server.resumeTails(),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(stores.map((store) => store.close()));
    },
  };
}

conformance("the in-memory store", memoryWorld);

test("an append that is under way reaches the server though its node stands still; the answer waits for the node", async () => {
  const [wire, node] = [new ManualClock(), new ManualClock()];
  const server = new MemoryServer({ clock: wire, random: seededRandom(1), faults: { latencyMs: 10 } });
  const store = server.open({ clock: node, wire });
  let answered = false;
  const outcome = store.append("records", append(write(keyOf("object", "a"), 1))).then(({ kind }) => {
    answered = true;
    return kind;
  });

  await wire.advance(10);
  assert.deepEqual([server.stream("records").last, answered], [1, false]);
  await node.advance(10);
  assert.equal(await outcome, "done");
});

test("silence: a node calls the outcome unknown only when it has waited", async () => {
  const clock = new ManualClock();
  const faults = { lostAnswer: 1, silenceMs: 1_000 };
  const store = new MemoryServer({ clock, random: seededRandom(1), faults }).open();
  let kind = "";
  void store.append("records", append(write(keyOf("object", "a"), 1))).then((outcome) => {
    kind = outcome.kind;
  });

  await settled();
  assert.equal(kind, "");
  await clock.advance(1_000);
  assert.equal(kind, "unknown");
});

test("a stale read shows what stood there one write ago, and a compare-and-set on it is refused", async () => {
  const server = new MemoryServer({ clock: systemClock, random: seededRandom(1) });
  const store = server.open();
  const key = keyOf("object", "a");
  await store.append("records", append(write(key, 1)));
  await store.append("records", append(write(key, 2, await readBack(store, key))));

  server.faults.staleRead = 1;
  const stale = await readBack(store, key);
  server.faults.staleRead = 0;

  assert.equal(stale.value, 1);
  assert.equal((await store.append("records", append(write(key, 3, stale)))).kind, "refused");
  assert.equal((await readBack(store, key)).value, 2);
});

test("a node's tails can be cut alone", async () => {
  const server = new MemoryServer({ clock: systemClock, random: seededRandom(1) });
  let cut = true;
  const [deaf, other] = [server.open({ tailsPaused: () => cut }), server.open()];
  const heard: string[] = [];
  const follow = (store: Store, name: string) =>
    store.tail("records", { batch: () => void heard.push(name), reset: () => {}, synced: () => {} });
  follow(deaf, "deaf");
  follow(other, "other");

  await other.append("records", append(write(keyOf("object", "a"), 1)));
  await settled();
  assert.deepEqual(heard, ["other"]);
  cut = false;
  server.wakeTails();
  await settled();
  assert.deepEqual(heard, ["other", "deaf"]);
  await Promise.all([deaf.close(), other.close()]);
});
