// What every Store promises to those who follow its streams. Part of the conformance suite.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { RecordKey } from "../../src/store/store.ts";
import { TailRecorder } from "../support/tail_recorder.ts";
import { append, keyOf, logOf, readBack, type StoreWorld, sequenceOf, write } from "./store_world.ts";

export function tailing(begin: () => Promise<StoreWorld>): void {
  test("a tail passes everything from the first record, then what follows, in order and in whole appends", async () => {
    await using world = await begin();
    const store = await world.open();
    const keys = ["a", "b", "c"].map((name) => keyOf("object", name));
    await store.append("records", append(write(keyOf("object", "before"), 0)));
    const recorder = new TailRecorder();
    store.tail("records", recorder);
    await recorder.until(({ syncedAt }) => syncedAt === 1);
    const other = await world.open();
    for (let round = 0; round < 20; round++) {
      const seen = await Promise.all(keys.map((key) => other.read("records", key)));
      const writes = keys.map((key, index) => write(key, round, seen[index]));
      sequenceOf(await other.append("records", { ...append(...writes), log: logOf() }));
    }
    const last = await store.lastSequence("records");
    await recorder.until(({ position }) => position === last);
    const rounds = recorder.batches.slice(1);
    assert.equal(rounds.length, 20);
    for (const [round, batch] of rounds.entries()) {
      assert.deepEqual(batch.keys.slice(0, 3), keys);
      assert.match(String(batch.keys[3]), /^log\./);
      assert.deepEqual(batch.values.slice(0, 3), [round, round, round]);
    }
    assert.deepEqual(
      recorder.batches.map(({ sequence }) => sequence),
      [1, ...rounds.map((_, round) => 1 + 4 * (round + 1))],
    );
  });

  test("a tail of an empty stream is synced at once", async () => {
    await using world = await begin();
    const store = await world.open();
    const recorder = new TailRecorder();
    store.tail("endpoints", recorder);
    await recorder.until(({ syncedAt }) => syncedAt === 0);
    assert.equal(recorder.incarnation, store.incarnation("endpoints"));
    sequenceOf(await store.append("endpoints", append(write(keyOf("endpoints", "a"), 1))));
    await recorder.until(({ position }) => position === 1);
  });

  test("a tail that comes late, or was cut off, never passes half of an append", async () => {
    await using world = await begin();
    const store = await world.open();
    const [x, y] = [keyOf("object", "x"), keyOf("object", "y")];
    const writer = await world.writer();
    const both = async (value: number): Promise<void> => {
      const [seenX, seenY] = [await writer.read("records", x), await writer.read("records", y)];
      sequenceOf(await writer.append("records", append(write(x, value, seenX), write(y, value, seenY))));
    };
    const shown = new Map<RecordKey, unknown>();
    const torn: unknown[] = [];
    const recorder = new TailRecorder();
    const handler = {
      batch: (...[entries, sequence]: Parameters<TailRecorder["batch"]>): void => {
        for (const { record } of entries) shown.set(record.key, record.value);
        if (shown.get(x) !== shown.get(y)) torn.push([...shown]);
        recorder.batch(entries, sequence);
      },
      reset: (reason: string): void => recorder.reset(reason),
      synced: (sequence: number): void => recorder.synced(sequence),
    };
    for (let value = 0; value < 5; value++) await both(value);
    store.tail("records", handler);
    await recorder.until(({ syncedAt }) => syncedAt !== undefined);
    await world.cutTails();
    for (let value = 5; value < 10; value++) await both(value);
    // The newest append is half gone: x was overwritten by a write of its own, which has to come with y.
    await both(10);
    const alone = append(write(x, 11, await readBack(writer, x)), write(keyOf("object", "z"), 11));
    sequenceOf(await writer.append("records", alone));
    sequenceOf(await writer.append("records", append(write(y, 11, await readBack(writer, y)))));
    await world.rejoin();
    const last = await writer.lastSequence("records");
    await recorder.until(({ position }) => position === last);
    assert.deepEqual(torn, []);
    assert.equal(shown.get(x), 11);
    assert.deepEqual(recorder.resets, []);
  });

  test("a first reading of some kinds passes over the log, and what is overwritten meanwhile is never missing", async () => {
    await using world = await begin();
    const store = await world.open();
    const writer = await world.writer();
    const [x, y] = [keyOf("object", "x"), keyOf("object", "y")];
    const both = async (value: number): Promise<void> => {
      const [seenX, seenY] = [await writer.read("records", x), await writer.read("records", y)];
      const writes = [write(x, value, seenX), write(y, value, seenY)];
      sequenceOf(await writer.append("records", { ...append(...writes), log: logOf() }));
    };
    for (let value = 0; value < 60; value++) await both(value);
    const [shown, wrong] = [new Map<RecordKey, unknown>(), [] as unknown[]];
    const recorder = new TailRecorder();
    const look = (): void => {
      const values = [shown.get(x), shown.get(y)];
      if (recorder.syncedAt !== undefined && (values[0] === undefined || values[0] !== values[1])) wrong.push(values);
    };
    store.tail("records", {
      kinds: ["object"],
      batch: (entries, sequence) => {
        for (const { record } of entries) shown.set(record.key, record.value);
        recorder.batch(entries, sequence);
        look();
      },
      reset: (reason) => recorder.reset(reason),
      synced: (sequence) => {
        recorder.synced(sequence);
        look();
      },
    });
    for (let value = 60; value < 100; value++) await both(value);
    const last = await writer.lastSequence("records");
    await recorder.until(({ position }) => position === last);
    assert.deepEqual(wrong, []);
    assert.deepEqual([shown.get(x), shown.get(y)], [99, 99]);
  });

  test("a stream that was deleted and made again: reset, the new incarnation, its records only", async () => {
    await using world = await begin();
    const store = await world.open();
    for (const name of ["a", "b"]) await store.append("records", append(write(keyOf("object", name), "old")));
    const before = store.incarnation("records");
    const recorder = new TailRecorder();
    store.tail("records", recorder);
    await recorder.until(({ syncedAt }) => syncedAt === 2);
    await world.recreate("records");
    await recorder.until(({ resets, syncedAt }) => resets.length > 0 && syncedAt === 0);
    assert.notEqual(store.incarnation("records"), before);
    assert.equal(recorder.incarnation, store.incarnation("records"));
    sequenceOf(await store.append("records", append(write(keyOf("object", "c"), "new"))));
    await recorder.until(({ position }) => position === 1);
    assert.deepEqual(
      recorder.batches.flatMap(({ values }) => values),
      ["new"],
    );
  });

  test("bytes that are not a record are reported, and stop nobody", async () => {
    await using world = await begin();
    const store = await world.open();
    const [bad, good] = [keyOf("object", "bad"), keyOf("object", "good")];
    const recorder = new TailRecorder();
    store.tail("records", recorder);
    await recorder.until(({ syncedAt }) => syncedAt === 0);
    await world.corrupt("records", bad, new Uint8Array([0xc1, 0xff, 0x00]));
    sequenceOf(await store.append("records", append(write(good, 1))));
    await recorder.until(({ position }) => position === 2);
    assert.deepEqual(recorder.bad, [bad]);
    await assert.rejects(store.read("records", bad), { code: "invalid" });
    assert.deepEqual(
      recorder.batches.flatMap(({ keys }) => keys),
      [good],
    );
  });

  test("a stopped tail passes nothing more", async () => {
    await using world = await begin();
    const store = await world.open();
    const [stopped, going] = [new TailRecorder(), new TailRecorder()];
    const tail = store.tail("records", stopped);
    store.tail("records", going);
    await Promise.all([stopped.until((each) => each.syncedAt === 0), going.until((each) => each.syncedAt === 0)]);
    await tail.stop();
    sequenceOf(await store.append("records", append(write(keyOf("object", "a"), 1))));
    await going.until(({ position }) => position === 1);
    assert.deepEqual(stopped.batches, []);
  });
}
