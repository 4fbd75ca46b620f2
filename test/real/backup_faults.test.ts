// Backups taken while others write, and restores that NATS, another restore or their own node's death gets in the way of.

import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
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
import type { Sequence, Store } from "../../src/store/store.ts";
import { append, keyOf, logOf, sequenceOf, write } from "../store/store_world.ts";
import { Nats, weftAccount } from "../support/nats.ts";
import { turn } from "../support/turns.ts";

const never = new AbortController().signal;
const object = (name: string) => keyOf("object", name);

function optionsFor(nats: Nats): OpenJetStreamOptions {
  const ports = { clock: systemClock, random: systemRandom, logger: silentLogger };
  return { ...ports, ...weftAccount, servers: nats.servers, cluster: "test", replicas: 1, assumeSynced: true };
}

async function opened(t: TestContext, options: OpenJetStreamOptions): Promise<Store> {
  const store = await openJetStreamStore(options);
  t.after(() => store.close());
  return store;
}

const recordsOf = (prefix: string, count: number): KeptRecord[] =>
  Array.from({ length: count }, (_, n) => ({ key: object(`${prefix}${n}`), value: prefix, epoch: 0 }));

async function objectsIn(store: Store): Promise<readonly string[]> {
  const { records } = await readSnapshot(store, never);
  return records.filter(({ key }) => key.startsWith("object.")).map(({ key }) => key.slice("object.".length));
}

async function configurationIn(nats: Nats) {
  await using admin = await connect({ servers: nats.servers, user: "weft", pass: "weft-test" });
  return (await (await jetstreamManager(admin)).streams.info(streamNames("test").records.stream)).config;
}

test("a backup taken while four write is one moment: whole appends, all up to its revision, none beyond", async (t) => {
  await using nats = await Nats.start();
  const store = await opened(t, optionsFor(nats));
  let stop = false;
  const acknowledged: { readonly writer: number; readonly count: number; readonly sequence: Sequence }[] = [];
  const writer = async (index: number): Promise<void> => {
    for (let count = 1; !stop; count++) {
      const keys = ["a", "b", "c"].map((part) => object(`${part}${index}`));
      const seen = await Promise.all(keys.map((key) => store.read("records", key)));
      const sequence = sequenceOf(
        await store.append("records", append(...keys.map((key, at) => write(key, count, seen[at])))),
      );
      acknowledged.push({ writer: index, count, sequence });
    }
  };
  const writing = Promise.all([0, 1, 2, 3].map(writer));
  const snapshots = [];
  while (snapshots.length < 15 || acknowledged.length <= 50) snapshots.push(await readSnapshot(store, never));
  stop = true;
  await writing;
  for (const { revision, records } of snapshots) {
    const at = Number(revision.split("-").at(-1));
    for (const index of [0, 1, 2, 3]) {
      const held = ["a", "b", "c"].map((part) => records.find(({ key }) => key === object(`${part}${index}`))?.value);
      const until = acknowledged.findLast(({ writer: by, sequence }) => by === index && sequence <= at)?.count;
      assert.deepEqual(held, [until, until, until], `writer ${index} at revision ${at}`);
    }
  }
});

test("of two restores at once one is done and the other says so; the truth is the one that was acknowledged", async (t) => {
  await using nats = await Nats.start();
  const options = optionsFor(nats);
  await opened(t, options);
  const replacing = ["x", "y"].map((prefix) =>
    replaceRecords(options, { records: recordsOf(prefix, 500), log: logOf() }, never).then(
      (state) => ({ prefix, state }),
      (cause: { readonly code: string }) => ({ prefix, code: cause.code }),
    ),
  );
  const outcomes = await Promise.all(replacing);
  const done = outcomes.flatMap((outcome) => ("state" in outcome ? [outcome] : []));
  assert.deepEqual(
    outcomes.flatMap((outcome) => ("code" in outcome ? [outcome.code] : [])),
    ["conflict"],
  );
  const later = await opened(t, options);
  assert.equal(later.incarnation("records"), done[0]?.state.incarnation);
  const names = await objectsIn(later);
  assert.equal(names.length, 500);
  assert.ok(names.every((name) => name.startsWith(done[0]?.prefix ?? "?")));
});

test("a restore whose node ended before the last step leaves what was; the next one does not mind what it left", async (t) => {
  await using nats = await Nats.start();
  const options = optionsFor(nats);
  const store = await opened(t, options);
  sequenceOf(await store.append("records", append(write(object("old"), 1))));
  const dies = new AbortController();
  const halfWay = replaceRecords(options, { records: recordsOf("x", 3_000), log: logOf() }, dies.signal);
  while ((await store.lastSequence("records")) < 200) await turn();
  dies.abort();
  await assert.rejects(halfWay, { code: "timeout" });
  assert.deepEqual(await objectsIn(store), ["old"]);
  const { incarnation } = await replaceRecords(options, { records: recordsOf("y", 3), log: logOf() }, never);
  const { subjects, metadata } = await configurationIn(nats);
  assert.deepEqual(subjects, [`weft.test.records.${incarnation}.>`]);
  assert.deepEqual(
    Object.keys(metadata ?? {}).filter((name) => name.startsWith("weft.")),
    ["weft.incarnation"],
  );
  const later = await opened(t, options);
  assert.deepEqual(await objectsIn(later), ["y0", "y1", "y2"]);
});

test("NATS killed in the middle of a restore: it goes on where it was, as soon as NATS is back", async (t) => {
  await using nats = await Nats.start();
  const options = optionsFor(nats);
  const store = await opened(t, options);
  sequenceOf(await store.append("records", append(write(object("old"), 1))));
  const replacing = replaceRecords(options, { records: recordsOf("x", 3_000), log: logOf() }, never);
  for (const at of [200, 1_500]) {
    while ((await store.lastSequence("records").catch(() => 0)) < at) await turn();
    await nats.kill();
    await nats.start();
  }
  const { incarnation } = await replacing;
  const later = await opened(t, options);
  assert.equal(later.incarnation("records"), incarnation);
  assert.equal((await objectsIn(later)).length, 3_000);
});

test("a claim whose answer was lost is not repeated, because it may come late: refused, nothing changed, again is good", async (t) => {
  await using nats = await Nats.start();
  const options = optionsFor(nats);
  const store = await opened(t, options);
  sequenceOf(await store.append("records", append(write(object("old"), 1))));
  const before = store.incarnation("records");
  // The server stands still from the moment it was asked what the stream is.
  const gate = Promise.withResolvers<void>();
  const logger = {
    ...silentLogger,
    info: (event: string): void => {
      if (event === "nats.connected") void nats.freeze().then(() => gate.resolve());
    },
    with: () => logger,
  };
  const replacing = replaceRecords({ ...options, logger }, { records: recordsOf("x", 3), log: logOf() }, never);
  await gate.promise;
  nats.thaw();
  const outcome = await replacing.then(
    () => "done",
    ({ code }: { readonly code: string }) => code,
  );
  // Whether it was frozen before, in or after the claim is a matter of microseconds; what holds is the same.
  const names = await objectsIn(store);
  assert.deepEqual(names, outcome === "done" ? ["x0", "x1", "x2"] : ["old"], outcome);
  if (outcome !== "done") assert.equal((await configurationIn(nats)).metadata?.["weft.incarnation"], before);
  await replaceRecords(options, { records: recordsOf("y", 2), log: logOf() }, never);
  const later = await opened(t, options);
  assert.deepEqual(await objectsIn(later), ["y0", "y1"]);
});

test("a log that is larger than what a backup holds of it: the newest entries are kept, the others counted", async (t) => {
  await using nats = await Nats.start();
  const options = optionsFor(nats);
  const store = await opened(t, options);
  const entry = "x".repeat(200 * 1024);
  const count = Math.ceil(limits.backupLogBytes / entry.length) + 5;
  for (let n = 0; n < count; n++) {
    const value = { ...logOf(), what: entry };
    sequenceOf(await store.append("records", append(write(keyOf("log", String(n).padStart(5, "0")), value))));
  }
  sequenceOf(await store.append("records", append(write(object("a"), 1))));
  const { records, logLeftOut } = await readSnapshot(store, never);
  assert.ok(logLeftOut >= 5 && logLeftOut < 15, `${logLeftOut} left out`);
  const kept = records.filter(({ key }) => key.startsWith("log."));
  assert.equal(kept.length + logLeftOut, count);
  assert.equal(kept[0]?.key, keyOf("log", String(logLeftOut).padStart(5, "0")));
  assert.equal(records.length, kept.length + 1);
});
