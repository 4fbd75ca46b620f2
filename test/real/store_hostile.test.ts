// The lines of JetStream's list of surprises that need a server of a special kind: three of them, a full disk, a stream
// that somebody else made.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { jetstreamManager, StorageType, type StreamConfig } from "@nats-io/jetstream";
import { connect, nanos } from "@nats-io/transport-node";
import { systemClock } from "../../src/platform/clock.ts";
import { silentLogger } from "../../src/platform/log.ts";
import { systemRandom } from "../../src/platform/random.ts";
import { streamNames } from "../../src/store/jetstream/names.ts";
import { type OpenJetStreamOptions, openJetStreamStore } from "../../src/store/jetstream/open.ts";
import { resolveAppend } from "../../src/store/resolve.ts";
import { append, keyOf, readBack, sequenceOf, write } from "../store/store_world.ts";
import { tryRun } from "../support/deployment.ts";
import { Nats, weftAccount } from "../support/nats.ts";
import { NatsTrio } from "../support/nats_trio.ts";
import { untilGranted } from "../support/until_granted.ts";

const ports = { clock: systemClock, random: systemRandom, logger: silentLogger };
const account = { ...weftAccount, cluster: "test", assumeSynced: true };
const optionsAt = (servers: readonly string[], replicas = 1): OpenJetStreamOptions => ({
  ...ports,
  ...account,
  servers,
  replicas,
});
const stream = streamNames("test").records.stream;

/** A store that is closed however the test ends: one left open would keep its file from ending. */
async function opened(t: TestContext, options: OpenJetStreamOptions) {
  const store = await openJetStreamStore(options);
  t.after(() => store.close());
  return store;
}

test("a read through a follower that is behind shows what was acknowledged; so does the barrier", async (t) => {
  await using trio = await NatsTrio.start();
  const stores = await Promise.all([0, 1, 2].map((n) => opened(t, optionsAt([trio.url(n)], 3))));
  const [writer] = stores;
  assert.ok(writer);
  const key = keyOf("object", "a");
  for (let round = 0; round < 40; round++) {
    const seen = await writer.read("records", key);
    const sequence = sequenceOf(await writer.append("records", append(write(key, round, seen))));
    const read = await Promise.all(stores.map((store) => store.read("records", key)));
    assert.deepEqual(
      read.map((record) => record?.value),
      [round, round, round],
    );
    const last = await Promise.all(stores.map((store) => store.lastSequence("records")));
    assert.deepEqual(last, [sequence, sequence, sequence]);
  }
});

test("a leader that slept while another was elected: whatever it answers, nothing is written upon what is gone", {
  timeout: 90_000,
}, async (t) => {
  await using trio = await NatsTrio.start();
  const key = keyOf("service", "a");
  const first = await opened(t, optionsAt([trio.url(0)], 3));
  sequenceOf(await first.append("records", append(write(key, "before"))));
  const leader = await trio.leaderOf(stream);
  const sleeper = await opened(t, optionsAt([trio.url(leader)], 3));
  const awake = await opened(t, optionsAt([trio.url((leader + 1) % 3)], 3));
  const before = await readBack(sleeper, key);
  trio.freeze(leader);
  const { signal } = new AbortController();
  const asked = append(write(key, "after", before));
  const done = sequenceOf(await resolveAppend(awake, "records", asked, { ...ports, signal }));
  trio.thaw(leader);
  for (let attempt = 0; attempt < 30; attempt++) {
    const seen = await sleeper.read("records", key).catch(() => undefined);
    if (!seen) {
      await wait(50);
      continue;
    }
    const outcome = await resolveAppend(sleeper, "records", append(write(key, `upon ${seen.value}`, seen)), {
      ...ports,
      signal,
    });
    if (seen.sequence < done) assert.equal(outcome.kind, "refused", "a stale answer was believed");
    if (outcome.kind === "done") break;
  }
  const now = await untilGranted(() => readBack(awake, key));
  assert.equal(now.value, "upon after");
  assert.equal(now.operations.length, 3);
});

test("a stream that lets records go by themselves is refused: age, number, size, a time to live", async () => {
  await using nats = await Nats.start();
  await using admin = await connect({ servers: nats.servers, user: "weft", pass: "weft-test" });
  const manager = await jetstreamManager(admin);
  const good: Partial<StreamConfig> = {
    metadata: { "weft.incarnation": "x" },
    storage: StorageType.File,
    max_msgs_per_subject: 1,
    allow_atomic: true,
  };
  const bad: readonly (readonly [RegExp, Partial<StreamConfig>])[] = [
    [/max_age/, { max_age: nanos(60_000) }],
    [/max_msgs/, { max_msgs: 10 }],
    [/max_bytes/, { max_bytes: 1_000_000 }],
    [/allow_msg_ttl/, { allow_msg_ttl: true }],
    [/storage is not file/, { storage: StorageType.Memory }],
    [/max_msgs_per_subject/, { max_msgs_per_subject: 5 }],
    [/allow_atomic/, { allow_atomic: false }],
    [/no incarnation/, { metadata: {} }],
  ];
  const open = async (cluster: string, config: Partial<StreamConfig>): ReturnType<typeof openJetStreamStore> => {
    const { stream: name, subject } = streamNames(cluster).records;
    await manager.streams.add({ name, subjects: [`${subject}.x.>`], ...good, ...config });
    return openJetStreamStore({ ...optionsAt(nats.servers), cluster });
  };
  for (const [at, [message, config]] of bad.entries()) {
    await assert.rejects(open(`bad-${at}`, config), { code: "invalid", retry: "never", message });
  }
  await (await open("good", {})).close();
});

/** A file system of its own, small enough to fill. */
function smallDisk(megabytes: number): { readonly path: string; grow(to: number): void; remove(): void } | string {
  const path = mkdtempSync(join(tmpdir(), "weft-disk-"));
  const mount = (...options: string[]) => tryRun("mount", [...options, path]);
  const mounted = mount("-t", "tmpfs", "-o", `size=${megabytes}m`, "weft-disk");
  if (mounted?.code !== 0) {
    rmSync(path, { recursive: true });
    return mounted?.output ?? "there is no mount";
  }
  return {
    path,
    grow: (to) => void mount("-o", `remount,size=${to}m`),
    remove() {
      tryRun("umount", [path]);
      rmSync(path, { recursive: true, force: true });
    },
  };
}

test("disk full: no write is called done that is not there afterwards; with room again all goes on", {
  timeout: 90_000,
}, async (t) => {
  const disk = smallDisk(16);
  if (typeof disk === "string") return t.skip(`no file system can be mounted here: ${disk.trim()}`);
  t.after(() => disk.remove());
  const directory = join(disk.path, "nats");
  mkdirSync(directory);
  await using nats = await Nats.start({ storeDirectory: directory });
  const store = await opened(t, optionsAt(nats.servers));
  const done: string[] = [];
  let failed: string | undefined;
  for (let n = 0; n < 200 && failed === undefined; n++) {
    const outcome = await store.append("records", append(write(keyOf("object", `n${n}`), "x".repeat(200_000))));
    if (outcome.kind === "done") done.push(`n${n}`);
    else failed = outcome.kind;
  }
  assert.ok(done.length > 10, `${done.length} fitted`);
  assert.equal(failed, "unknown", "the server's word about a full disk proves nothing");
  await nats.kill();
  disk.grow(256);
  await nats.start();
  for (const name of done)
    assert.equal((await readBack(store, keyOf("object", name))).value, "x".repeat(200_000), name);
  sequenceOf(await store.append("records", append(write(keyOf("object", "after"), 1))));
});
