// The store through a nats-server's death, sleep and return, and at its first start.

import assert from "node:assert/strict";
import { afterEach, test } from "node:test";
import { type ConsumerInfo, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { systemClock } from "../../src/platform/clock.ts";
import { limits } from "../../src/platform/limits.ts";
import { silentLogger } from "../../src/platform/log.ts";
import { shortId, systemRandom } from "../../src/platform/random.ts";
import type { Credentials } from "../../src/store/jetstream/connection.ts";
import { streamNames } from "../../src/store/jetstream/names.ts";
import { type OpenJetStreamOptions, openJetStreamStore } from "../../src/store/jetstream/open.ts";
import { escapeToken } from "../../src/store/keys.ts";
import { resolveAppend } from "../../src/store/resolve.ts";
import type { Append, OperationId, Outcome, RecordKey, Store } from "../../src/store/store.ts";
import { Nats, systemAccount, weftAccount } from "../support/nats.ts";
import { TailRecorder } from "../support/tail_recorder.ts";

const keyOf = (...tokens: string[]): RecordKey => tokens.map(escapeToken).join(".") as RecordKey;

function create(name: string, value: unknown = name): Append {
  const operation = shortId(systemRandom, 26) as OperationId;
  return { operation, writes: [{ key: keyOf("object", name), value, seen: undefined }] };
}

function batchOf(count: number): Append {
  const writes = Array.from({ length: count }, () => ({
    key: keyOf("object", shortId(systemRandom, 20)),
    value: 1,
    seen: undefined,
  }));
  return { operation: shortId(systemRandom, 26) as OperationId, writes };
}

const opened: Store[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close()));
});

async function open(nats: Nats, more: Partial<OpenJetStreamOptions> = {}): Promise<Store> {
  const store = await openJetStreamStore({
    ...weftAccount,
    servers: nats.servers,
    cluster: "test",
    replicas: 1,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    assumeSynced: true,
    ...more,
  });
  opened.push(store);
  return store;
}

function resolved(store: Store, append: Append): Promise<Outcome> {
  const { signal } = new AbortController();
  return resolveAppend(store, "records", append, { clock: systemClock, random: systemRandom, signal });
}

test("kill -9 and restart: the tail goes on by itself within 3 s, from where it was, and nothing acknowledged is gone", async () => {
  await using nats = await Nats.start();
  const store = await open(nats);
  const recorder = new TailRecorder();
  store.tail("records", recorder);
  for (const name of ["a", "b"]) assert.equal((await store.append("records", create(name))).kind, "done");
  await recorder.until(({ position }) => position === 2);

  await nats.kill();
  const during = resolved(store, create("c"));
  await nats.start();
  const backAtMs = performance.now();
  await recorder.until(({ position }) => position === 3);
  assert.ok(performance.now() - backAtMs < 3_000, `${performance.now() - backAtMs} ms`);

  assert.partialDeepStrictEqual(await during, { kind: "done", sequence: 3 });
  assert.deepEqual(
    recorder.batches.flatMap(({ values }) => values),
    ["a", "b", "c"],
  );
  assert.deepEqual(recorder.resets, []);
  assert.equal((await store.read("records", keyOf("object", "a")))?.value, "a");
});

test("writers under kill -9: what was done is there, what was refused is not, nothing is applied twice", async () => {
  await using nats = await Nats.start();
  const store = await open(nats);
  const writers = Array.from({ length: 8 }, async (_, writer) => {
    const outcomes: Outcome[] = [];
    for (let n = 0; n < 25; n++) outcomes.push(await resolved(store, create(`w${writer}-${n}`)));
    return outcomes;
  });
  while ((await store.lastSequence("records").catch(() => 0)) < 40) await new Promise((next) => setImmediate(next));
  await nats.kill();
  await nats.start();
  const outcomes = (await Promise.all(writers)).flat();
  assert.deepEqual([...new Set(outcomes.map(({ kind }) => kind))], ["done"]);
  assert.equal(await store.lastSequence("records"), 200);
});

test("a frozen server hangs nobody: reads fail, writes are unknown, all within their limits; thawed, all goes on", async () => {
  await using nats = await Nats.start();
  const store = await open(nats);
  const recorder = new TailRecorder();
  store.tail("records", recorder);
  await store.append("records", create("a"));
  await recorder.until(({ position }) => position === 1);
  await nats.freeze();
  const beganMs = performance.now();
  const asked = create("b");
  const [outcome, read] = await Promise.allSettled([
    store.append("records", asked),
    store.read("records", keyOf("object", "a")),
  ]);
  const tookMs = performance.now() - beganMs;
  nats.thaw();
  assert.equal(outcome.status === "fulfilled" && outcome.value.kind, "unknown");
  assert.equal(read.status, "rejected");
  // The connection is given up after three pings, and with it whatever was asked on it.
  assert.ok(tookMs < 2_500, `${tookMs} ms`);
  const { kind } = await resolved(store, asked);
  assert.equal(kind, "done");
  await recorder.until(({ position }) => position === 2);
  assert.equal(await store.lastSequence("records"), 2);
});

test("a consumer that is deleted, or that hangs though it looks healthy, is made anew", async () => {
  await using nats = await Nats.start();
  const store = await open(nats);
  const recorder = new TailRecorder();
  store.tail("records", recorder);
  await recorder.until(({ syncedAt }) => syncedAt === 0);
  const { stream } = streamNames("test").records;
  await using admin = await connect({ servers: nats.servers, user: "weft", pass: "weft-test" });
  const manager = await jetstreamManager(admin);
  const consumers = (): Promise<ConsumerInfo[]> => manager.consumers.list(stream).next();

  for (const { name } of await consumers()) await manager.consumers.delete(stream, name);
  await store.append("records", create("a"));
  await recorder.until(({ position }) => position === 1);

  const paused = await consumers();
  assert.ok(paused.length > 0);
  for (const { name } of paused) await manager.consumers.pause(stream, name, new Date(2 ** 42));
  await store.append("records", create("b"));
  await recorder.until(({ position }) => position === 2);

  assert.deepEqual(
    recorder.batches.flatMap(({ values }) => values),
    ["a", "b"],
  );
  assert.deepEqual(recorder.resets, []);
});

test("with no server at all a write is unknown after its limit, and an open waits until its signal", async () => {
  await using nats = await Nats.start();
  const store = await open(nats);
  await nats.kill();
  const beganMs = performance.now();
  assert.equal((await store.append("records", create("a"))).kind, "unknown");
  const tookMs = performance.now() - beganMs;
  assert.ok(tookMs < limits.storeWriteMs + 500, `${tookMs} ms`);
  await assert.rejects(open(nats, { signal: AbortSignal.timeout(300) }));
});

test("ten nodes that open the store at once agree on one incarnation of each stream", async () => {
  await using nats = await Nats.start();
  const stores = await Promise.all(Array.from({ length: 10 }, () => open(nats)));
  const incarnations = stores.map((store) => `${store.incarnation("records")} ${store.incarnation("endpoints")}`);
  assert.equal(new Set(incarnations).size, 1);
  const outcomes = await Promise.all(stores.map((store) => store.append("records", create("one"))));
  assert.equal(outcomes.filter(({ kind }) => kind === "done").length, 1);

  // More batches at once than the server stages (50): the others wait their turn, none is lost.
  const batches = stores.flatMap((store) => Array.from({ length: 10 }, () => store.append("records", batchOf(3))));
  assert.deepEqual([...new Set((await Promise.all(batches)).map(({ kind }) => kind))], ["done"]);
  assert.equal(await stores[0]?.lastSequence("records"), 1 + 3 * 100);
});

test("the servers' sync is checked at the system account; unchecked, or unsynced, the store does not open", async () => {
  await using synced = await Nats.start();
  await open(synced, { system: systemAccount, assumeSynced: false });
  await assert.rejects(open(synced, { assumeSynced: false }), { code: "invalid" });
  await using unsynced = await Nats.start({ syncAlways: false });
  await assert.rejects(open(unsynced, { system: systemAccount }), { code: "invalid", retry: "never" });
});

test("wrong credentials end the start with a word about them", async () => {
  await using nats = await Nats.start();
  const wrong: Credentials = { user: "weft", pass: "guess" };
  await assert.rejects(open(nats, wrong), { code: "denied", retry: "never" });
});
