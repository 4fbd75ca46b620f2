// A restore into the records' stream of a real nats-server: one step for every reader, or nothing at all.

import assert from "node:assert/strict";
import { test } from "node:test";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { systemClock } from "../../src/platform/clock.ts";
import { limits } from "../../src/platform/limits.ts";
import { silentLogger } from "../../src/platform/log.ts";
import { systemRandom } from "../../src/platform/random.ts";
import type { KeptRecord } from "../../src/store/backup/contents.ts";
import { readSnapshot } from "../../src/store/backup/snapshot.ts";
import { streamNames } from "../../src/store/jetstream/names.ts";
import { type OpenJetStreamOptions, openJetStreamStore } from "../../src/store/jetstream/open.ts";
import { replaceRecords } from "../../src/store/jetstream/replace.ts";
import { Replica } from "../../src/store/replica.ts";
import { revisionOf, type Store } from "../../src/store/store.ts";
import { append, keyOf, logOf, readBack, sequenceOf, write } from "../store/store_world.ts";
import { Nats, weftAccount } from "../support/nats.ts";
import { TailRecorder } from "../support/tail_recorder.ts";

const never = new AbortController().signal;
const object = (name: string) => keyOf("object", name);

function optionsFor(nats: Nats): OpenJetStreamOptions {
  const ports = { clock: systemClock, random: systemRandom, logger: silentLogger };
  return { ...ports, ...weftAccount, servers: nats.servers, cluster: "test", replicas: 1, assumeSynced: true };
}

async function put(store: Store, values: Readonly<Record<string, unknown>>): Promise<number> {
  const writes = [];
  for (const [name, value] of Object.entries(values)) {
    writes.push(write(object(name), value, await store.read("records", object(name))));
  }
  return sequenceOf(await store.append("records", append(...writes)));
}

const replica = (store: Store) => new Replica({ store, clock: systemClock, decode: ({ value }) => String(value) });
const shown = (of: Replica<string>): string[] =>
  of
    .list("object")
    .map(({ key, object: value }) => `${key}=${value}`)
    .sort();

/** Until the replica has got there by itself; it cannot be asked to wait for an incarnation that it does not know yet. */
function shows(held: Replica<string>, revision: string): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (held.revision() === revision) resolve();
    };
    held.subscribe(look);
    look();
  });
}

test("backup, change, restore: the same objects, another incarnation, and nobody sees a state in between", async () => {
  await using nats = await Nats.start();
  const options = optionsFor(nats);
  const store = await openJetStreamStore(options);
  await put(store, { a: "kept", b: "kept" });
  await put(store, { a: "kept-again" });
  const snapshot = await readSnapshot(store, never);
  const old = revisionOf(store.incarnation("records"), await put(store, { a: "lost", c: "lost" }));
  const held = replica(store);
  await held.waitFor(old);
  const stale = await readBack(store, object("a"));
  const states = new Set<string>();
  held.subscribe(() => states.add(shown(held).join(" ")));

  const { incarnation, last } = await replaceRecords(options, { records: snapshot.records, log: logOf() }, never);
  await shows(held, revisionOf(incarnation, last));

  assert.deepEqual(shown(held), ["object.a=kept-again", "object.b=kept"]);
  assert.deepEqual([...states].sort(), [
    "object.a=kept-again object.b=kept",
    "object.a=lost object.b=kept object.c=lost",
  ]);
  assert.equal(store.incarnation("records"), incarnation);
  await assert.rejects(held.waitFor(old), { code: "conflict" });
  const upon = await store.append("records", append(write(object("a"), "upon what is gone", stale)));
  assert.equal(upon.kind, "refused");
  await held.waitFor(revisionOf(incarnation, await put(store, { c: "new" })));
  assert.deepEqual(shown(held), ["object.a=kept-again", "object.b=kept", "object.c=new"]);

  // A node that starts now reads past what was there before, and holds the same.
  const later = await openJetStreamStore(options);
  const cold = replica(later);
  await cold.whenSynced();
  assert.deepEqual([shown(cold), cold.checksum("records")], [shown(held), held.checksum("records")]);
  await Promise.all([held.close(), cold.close(), later.close()]);
  await store.close();
});

test("a restore that ends half-way has changed nothing, and what it left disturbs no reader and no later restore", async () => {
  await using nats = await Nats.start();
  const options = optionsFor(nats);
  const store = await openJetStreamStore(options);
  await put(store, { a: "1" });
  const recorder = new TailRecorder();
  store.tail("records", recorder);
  const many = Array.from({ length: 5_000 }, (_, n): KeptRecord => ({ key: object(`n${n}`), value: n, epoch: 0 }));
  const huge: KeptRecord = { key: object("huge"), value: "x".repeat(limits.logRecordBytes), epoch: 0 };
  await assert.rejects(replaceRecords(options, { records: [...many, huge], log: logOf() }, never), {
    code: "too-large",
  });
  assert.equal(await store.lastSequence("records"), 1);
  const dies = new AbortController();
  const halfWay = replaceRecords(options, { records: many, log: logOf() }, dies.signal);
  while ((await store.lastSequence("records")) < 200) await new Promise((next) => setImmediate(next));
  dies.abort();
  await assert.rejects(halfWay, { code: "timeout" });
  const written = await put(store, { b: "2" });
  assert.ok(written > 100, "it did write before it failed");
  await recorder.until(({ position }) => position === written);
  assert.deepEqual(
    recorder.batches.flatMap(({ keys }) => keys),
    [object("a"), object("b")],
  );
  assert.deepEqual(recorder.resets, []);
  const cold = await openJetStreamStore(options);
  assert.deepEqual(
    (await readSnapshot(cold, never)).records.map(({ key }) => key),
    [object("a"), object("b")],
  );
  const replaced = await replaceRecords(options, { records: many.slice(0, 2), log: logOf() }, never);
  await recorder.until(
    ({ incarnation, position }) => incarnation === replaced.incarnation && position === replaced.last,
  );
  await using admin = await connect({ servers: nats.servers, user: "weft", pass: "weft-test" });
  const { config } = await (await jetstreamManager(admin)).streams.info(streamNames("test").records.stream);
  assert.deepEqual(config.subjects, [`weft.test.records.${replaced.incarnation}.>`]);
  await Promise.all([store.close(), cold.close()]);
});

test("writers during a restore: what was done under the new incarnation is there, nothing is applied to both", async () => {
  await using nats = await Nats.start();
  const options = optionsFor(nats);
  const store = await openJetStreamStore(options);
  const tail = store.tail("records", new TailRecorder());
  await put(store, { base: "1" });
  const { records } = await readSnapshot(store, never);
  let stop = false;
  const done: { readonly name: string; readonly incarnation: string; readonly sequence: number }[] = [];
  const writer = (async () => {
    for (let n = 0; !stop; n++) {
      const incarnation = store.incarnation("records");
      const outcome = await store.append("records", append(write(object(`w${n}`), n)));
      if (outcome.kind === "done") done.push({ name: `w${n}`, incarnation, sequence: outcome.sequence });
    }
  })();
  const { incarnation } = await replaceRecords(options, { records, log: logOf() }, never);
  while (!done.some((one) => one.incarnation === incarnation)) await new Promise((next) => setImmediate(next));
  stop = true;
  await writer;
  for (const one of done) {
    const record = await store.read("records", object(one.name));
    assert.equal(record?.sequence, one.incarnation === incarnation ? one.sequence : undefined, one.name);
  }
  await tail.stop();
  await store.close();
});
