// What every Store promises. Run against the in-memory twin here and against a real nats-server in test/real.

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { systemClock } from "../../src/platform/clock.ts";
import { limits } from "../../src/platform/limits.ts";
import { systemRandom } from "../../src/platform/random.ts";
import { resolveAppend } from "../../src/store/resolve.ts";
import type { Store } from "../../src/store/store.ts";
import { tailing } from "./conformance_tail.ts";
import { append, keyOf, logOf, readBack, type StoreWorld, sequenceOf, write } from "./store_world.ts";

export function conformance(name: string, begin: () => Promise<StoreWorld>): void {
  describe(name, () => {
    writing(begin);
    closing(begin);
    tailing(begin);
  });
}

function writing(begin: () => Promise<StoreWorld>): void {
  test("a record is read back as it was written, with its sequence, epoch and operation", async () => {
    await using world = await begin();
    const store = await world.open();
    const key = keyOf("object", "VirtualService", "default", "reviews");
    const value = { hosts: ["reviews"], weights: [90, 10], none: null, bytes: new Uint8Array([1, 2]), on: true };
    const asked = { ...append({ key, value, seen: undefined, epoch: 7 }) };
    const sequence = sequenceOf(await store.append("records", asked));
    const record = await readBack(store, key);
    assert.equal(record.sequence, sequence);
    assert.equal(record.epoch, 7);
    assert.deepEqual(record.operations, [{ id: asked.operation, sequence }]);
    assert.deepEqual(record.value, value);
    assert.equal(await store.read("records", keyOf("object", "VirtualService", "default", "other")), undefined);
    assert.equal(await store.lastSequence("records"), sequence);
  });

  test("hosts with '*', ':' and non-ASCII letters are keys like any other", async () => {
    await using world = await begin();
    const store = await world.open();
    const keys = ["*.example.com:443", "a.b", "ÜBER", ">", "", "=41"].map((host) => keyOf("claim", host));
    for (const key of keys) sequenceOf(await store.append("records", append(write(key, key))));
    for (const key of keys) assert.equal((await readBack(store, key)).value, key);
  });

  test("a write that saw an older record is refused, and says which key", async () => {
    await using world = await begin();
    const store = await world.open();
    const key = keyOf("service", "default", "reviews");
    await store.append("records", append(write(key, 1)));
    const first = await readBack(store, key);
    sequenceOf(await store.append("records", append(write(key, 2, first))));
    const late = await store.append("records", append(write(key, 3, first)));
    assert.deepEqual([late.kind, late.kind === "refused" && [late.key, late.code]], ["refused", [key, "conflict"]]);
    const again = await store.append("records", append(write(key, 4)));
    assert.equal(again.kind, "refused");
    assert.equal((await readBack(store, key)).value, 2);
  });

  test("of twenty writers that saw the same record one wins", async () => {
    await using world = await begin();
    const stores = [await world.open(), await world.open()];
    const store = stores[0] as Store;
    const key = keyOf("service", "default", "reviews");
    await store.append("records", append(write(key, "first")));
    const seen = await readBack(store, key);
    const outcomes = await Promise.all(
      Array.from({ length: 20 }, (_, writer) =>
        (stores[writer % 2] as Store).append("records", append(write(key, writer, seen))),
      ),
    );
    assert.equal(outcomes.filter(({ kind }) => kind === "done").length, 1);
    assert.equal(outcomes.filter(({ kind }) => kind === "refused").length, 19);
    const winner = outcomes.findIndex(({ kind }) => kind === "done");
    assert.equal((await readBack(store, key)).value, winner);
  });

  test("twenty writers that each read and try again all get through, and nothing is lost", async () => {
    await using world = await begin();
    const store = await world.open();
    const key = keyOf("service", "default", "counter");
    await store.append("records", append(write(key, 0)));
    const increment = async (): Promise<void> => {
      for (;;) {
        const seen = await readBack(store, key);
        const outcome = await store.append("records", append(write(key, Number(seen.value) + 1, seen)));
        if (outcome.kind === "done") return;
      }
    };
    await Promise.all(Array.from({ length: 20 }, increment));
    assert.equal((await readBack(store, key)).value, 20);
  });

  test("a batch is applied whole: its sequence is the last one's, and every record knows it", async () => {
    await using world = await begin();
    const store = await world.open();
    const keys = ["a", "b", "c"].map((name) => keyOf("object", name));
    const asked = { ...append(...keys.map((key) => write(key, key))), log: logOf() };
    const sequence = sequenceOf(await store.append("records", asked));
    for (const [index, key] of keys.entries()) {
      const record = await readBack(store, key);
      assert.equal(record.sequence, sequence - keys.length + index);
      assert.deepEqual(record.operations, [{ id: asked.operation, sequence }]);
    }
    assert.equal(await store.lastSequence("records"), sequence);
  });

  test("a batch with one stale expectation, first, middle or last, is refused whole", async () => {
    await using world = await begin();
    const store = await world.open();
    const stale = keyOf("object", "stale");
    await store.append("records", append(write(stale, "mine")));
    for (const at of [0, 1, 2]) {
      const fresh = [`x${at}`, `y${at}`].map((name) => write(keyOf("object", name), at));
      const writes = fresh.toSpliced(at, 0, write(stale, at));
      const outcome = await store.append("records", { ...append(...writes), log: logOf() });
      assert.deepEqual([outcome.kind, outcome.kind === "refused" && outcome.key], ["refused", stale]);
      for (const { key } of fresh) assert.equal(await store.read("records", key), undefined);
    }
    assert.equal((await readBack(store, stale)).value, "mine");
    assert.equal(await store.lastSequence("records"), 1);
  });

  test("a deleted record leaves a tombstone that the next write must have seen", async () => {
    await using world = await begin();
    const store = await world.open();
    const key = keyOf("object", "gone");
    await store.append("records", append(write(key, 1)));
    sequenceOf(await store.append("records", append(write(key, undefined, await readBack(store, key)))));
    const tombstone = await readBack(store, key);
    assert.equal(tombstone.value, undefined);
    assert.equal(tombstone.operations.length, 2);
    assert.equal((await store.append("records", append(write(key, 2)))).kind, "refused");
    sequenceOf(await store.append("records", append(write(key, 2, tombstone))));
  });

  test("three hundred documents, each with a claim, go in one batch", async () => {
    await using world = await begin();
    const store = await world.open();
    const writes = Array.from({ length: limits.applyDocuments }, (_, n) => [
      write(keyOf("object", "VirtualService", "default", `reviews-${n}`), { n, text: "x".repeat(1_000) }),
      write(keyOf("claim", `host-${n}`), { n }),
    ]).flat();
    const changes = writes.map(({ key, value }) => ({ key, before: undefined, after: value }));
    const sequence = sequenceOf(await store.append("records", { ...append(...writes), log: logOf(changes) }));
    assert.ok(sequence > writes.length);
    assert.equal(await store.lastSequence("records"), sequence);
    const last = await readBack(store, keyOf("claim", `host-${limits.applyDocuments - 1}`));
    assert.deepEqual(last.value, { n: limits.applyDocuments - 1 });
  });

  test("more than a batch holds, or a record over the limit, is refused before anything is sent", async () => {
    await using world = await begin();
    const store = await world.open();
    const key = keyOf("object", "big");
    const big = await store.append("records", append(write(key, "x".repeat(limits.recordBytes + 1))));
    assert.deepEqual([big.kind, big.kind === "refused" && [big.key, big.code]], ["refused", [key, "too-large"]]);
    const many = Array.from({ length: limits.batchMessages + 1 }, (_, n) => write(keyOf("object", `n${n}`), n));
    const wide = await store.append("records", append(...many));
    assert.deepEqual([wide.kind, wide.kind === "refused" && wide.code], ["refused", "too-large"]);
    assert.equal(await store.lastSequence("records"), 0);
    const nearly = "x".repeat(limits.recordBytes - 200);
    sequenceOf(
      await store.append("records", {
        ...append(write(key, nearly)),
        log: logOf([{ key, before: nearly, after: nearly }]),
      }),
    );
  });

  test("the endpoints stream is another one, with sequences of its own", async () => {
    await using world = await begin();
    const store = await world.open();
    const key = keyOf("endpoints", "default", "reviews", "agent", "0");
    sequenceOf(await store.append("records", append(write(keyOf("object", "a"), 1))));
    assert.equal(sequenceOf(await store.append("endpoints", append(write(key, [])))), 1);
    assert.notEqual(store.incarnation("records"), store.incarnation("endpoints"));
    assert.equal((await readBack(store, key, "endpoints")).sequence, 1);
  });
}

function closing(begin: () => Promise<StoreWorld>): void {
  test("an operation that already happened is answered done, with the sequence it had", async () => {
    await using world = await begin();
    const store = await world.open();
    const key = keyOf("service", "default", "reviews");
    const single = append(write(key, 1));
    const batch = { ...append(write(keyOf("object", "a"), 1), write(keyOf("object", "b"), 1)), log: logOf() };
    for (const asked of [single, batch]) {
      const sequence = sequenceOf(await store.append("records", asked));
      const lastBefore = await store.lastSequence("records");
      assert.equal(sequenceOf(await store.append("records", asked)), sequence);
      assert.equal(await store.lastSequence("records"), lastBefore);
    }
  });

  test("it is recognized when others have written since, up to as many as a record remembers", async () => {
    await using world = await begin();
    const store = await world.open();
    const key = keyOf("service", "default", "reviews");
    const first = append(write(key, "first"));
    const sequence = sequenceOf(await store.append("records", first));
    const others = async (count: number): Promise<void> => {
      for (let n = 0; n < count; n++) await store.append("records", append(write(key, n, await readBack(store, key))));
    };
    await others(limits.operationsRemembered - 1);
    assert.equal((await readBack(store, key)).operations.length, limits.operationsRemembered);
    assert.equal(sequenceOf(await store.append("records", first)), sequence);
    await others(1);
    assert.equal((await readBack(store, key)).operations.length, limits.operationsRemembered);
    assert.equal((await store.append("records", first)).kind, "refused");
  });

  test("an unknown outcome is closed by trying the same operation again: applied once", async () => {
    await using world = await begin();
    const store = await world.open();
    const key = keyOf("service", "default", "reviews");
    const asked = append(write(key, "once"));
    assert.equal((await world.appendUnheard(store, "records", asked)).kind, "unknown");
    const { signal } = new AbortController();
    const options = { clock: systemClock, random: systemRandom, signal };
    const sequence = sequenceOf(await resolveAppend(store, "records", asked, options));
    const record = await readBack(store, key);
    assert.deepEqual([record.value, record.sequence, record.operations.length], ["once", sequence, 1]);
    assert.equal(await store.lastSequence("records"), sequence);
  });

  test("an unknown outcome is closed as refused when somebody else wrote first", async () => {
    await using world = await begin();
    const store = await world.open();
    const key = keyOf("service", "default", "reviews");
    await store.append("records", append(write(key, 0)));
    const seen = await readBack(store, key);
    await store.append("records", append(write(key, "other", seen)));
    const late = append(write(key, "late", seen));
    assert.equal((await world.appendUnheard(store, "records", late)).kind, "unknown");
    const { signal } = new AbortController();
    const outcome = await resolveAppend(store, "records", late, { clock: systemClock, random: systemRandom, signal });
    assert.equal(outcome.kind, "refused");
    assert.equal((await readBack(store, key)).value, "other");
  });

  test("what was seen in another incarnation cannot be written upon", async () => {
    await using world = await begin();
    const store = await world.open();
    const key = keyOf("service", "default", "reviews");
    await store.append("records", append(write(key, "old")));
    const seen = await readBack(store, key);
    await world.recreate("records");
    const { signal } = new AbortController();
    const options = { clock: systemClock, random: systemRandom, signal };
    sequenceOf(await resolveAppend(store, "records", append(write(key, "new")), options));
    const now = await readBack(store, key);
    assert.equal(now.sequence, seen.sequence, "the new stream stands at the same sequence");
    const outcome = await resolveAppend(store, "records", append(write(key, "mixed", seen)), options);
    assert.equal(outcome.kind, "refused");
    assert.equal((await readBack(store, key)).value, "new");
  });
}
