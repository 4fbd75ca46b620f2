// Nodes of two versions side by side: one writes what the other reads, as long as the other is there.

import assert from "node:assert/strict";
import { test } from "node:test";
import { cardOf, commonFormat } from "../../src/meshd/cluster/member_card.ts";
import { seededRandom } from "../../src/platform/random.ts";
import { MemoryServer } from "../../src/store/memory/server.ts";
import { newestFormat, oldestFormat } from "../../src/store/record_format.ts";
import { Replica } from "../../src/store/replica.ts";
import type { RecordKey } from "../../src/store/store.ts";
import { MembershipWorld } from "../actors/membership_world.ts";
import { type RecordOfFormat1, readFormat1, writeFormat1 } from "../store/format_1.ts";
import { append, keyOf, logOf, sequenceOf, write } from "../store/store_world.ts";
import { ManualClock, settled } from "../support/manual_clock.ts";

const key = keyOf("object", "virtualservice", "default", "reviews");

/** A truth on which a node of this version and one of the version before work, in one cluster. */
class TwoVersions {
  readonly server = new MemoryServer({ clock: new ManualClock(), random: seededRandom(11) });
  readonly members: MembershipWorld;
  readonly store = this.server.open({ format: () => this.format() });

  private constructor(members: MembershipWorld) {
    this.members = members;
  }

  static async begin(): Promise<TwoVersions> {
    const members = new MembershipWorld();
    members.start("new", { format: newestFormat });
    // Before there were formats a card did not name one.
    members.start("old", { port: 1 });
    await members.pass(3_000);
    return new TwoVersions(members);
  }

  /** As cluster.ts asks. */
  format() {
    const { membership } = this.members.node("new");
    return commonFormat(membership.known().filter(({ self }) => !self));
  }

  bytes(at: RecordKey): Uint8Array {
    const message = this.server.stream("records").get(at);
    assert.ok(message);
    return message.payload;
  }

  oldReads(at: RecordKey): RecordOfFormat1 | undefined {
    return readFormat1(this.bytes(at));
  }

  /** What the node of the version before writes upon what it has read. */
  oldWrites(at: RecordKey, value: unknown, operation: string): void {
    const before = this.server.stream("records").get(at);
    const read = before && readFormat1(before.payload);
    assert.ok(!before || read, "it cannot write upon what it cannot read");
    const earlier = read ? [...read.earlier, [read.operation, before?.sequence ?? 0] as const] : [];
    const record = { value, earlier, operation, epoch: read?.epoch ?? 0, extra: read?.extra ?? {} };
    this.server.overwrite("records", at, writeFormat1(record));
  }
}

test("while a member reads only the older format, that is written, and each goes on with the other's records", async () => {
  const cluster = await TwoVersions.begin();
  const { store } = cluster;
  sequenceOf(await store.append("records", { ...append(write(key, { weight: 10 })), log: logOf() }));
  assert.deepEqual(cluster.oldReads(key)?.value, { weight: 10 });

  cluster.oldWrites(key, { weight: 20 }, "of the old node");
  const seen = await store.read("records", key);
  assert.deepEqual(seen?.value, { weight: 20 });
  assert.equal(seen?.operations.at(-1)?.id, "of the old node");
  sequenceOf(await store.append("records", append(write(key, { weight: 30 }, seen))));
  const again = cluster.oldReads(key);
  assert.deepEqual(again?.value, { weight: 30 });
  assert.equal(again?.earlier.length, 2, "no operation is forgotten on the way");
});

test("when the last of them has left, the newest is written; both formats are read, in one batch too", async () => {
  const cluster = await TwoVersions.begin();
  const { store } = cluster;
  cluster.oldWrites(key, { weight: 10 }, "of the old node");
  cluster.members.node("old").membership.stop();
  await cluster.members.pass(1_000);
  assert.equal(cluster.format(), newestFormat);

  const other = keyOf("object", "other");
  sequenceOf(await store.append("records", append(write(other, "new"))));
  assert.equal(cluster.oldReads(other), undefined);
  const replica = new Replica({ store, clock: new ManualClock(), decode: ({ value }) => value });
  await replica.whenSynced();
  assert.deepEqual(
    replica.list("object").map(({ object }) => object),
    [{ weight: 10 }, "new"],
  );
  assert.deepEqual(replica.problems(), []);
  sequenceOf(await store.append("records", append(write(key, { weight: 20 }, await store.read("records", key)))));
  await settled();
  assert.deepEqual(replica.get(key)?.object, { weight: 20 });
});

test("one that fell silent may come back as it was: what it reads goes on being written", async () => {
  const cluster = await TwoVersions.begin();
  cluster.members.kill("old");
  await cluster.members.pass(60_000);
  assert.equal(cluster.members.stateOf("old", "new"), "dead");
  assert.equal(cluster.format(), oldestFormat);
  cluster.members.start("old", { format: newestFormat });
  await cluster.members.pass(60_000);
  assert.equal(cluster.format(), newestFormat, "it came back as another version");
});

test("a record that a node of the version before cannot read keeps its last good form there, and stops nobody", async () => {
  const cluster = await TwoVersions.begin();
  const ofTomorrow = cluster.server.open({ format: () => newestFormat });
  const { store } = cluster;
  const replica = new Replica({ store, clock: new ManualClock(), decode: ({ value }) => value });
  sequenceOf(await ofTomorrow.append("records", append(write(key, "good"))));
  await replica.whenSynced();
  const bytes = Uint8Array.from(cluster.bytes(key));
  // A format that does not exist yet.
  cluster.server.overwrite("records", key, bytes.with(1, 9));
  sequenceOf(await ofTomorrow.append("records", append(write(keyOf("object", "next"), "goes on"))));
  await settled();
  assert.equal(replica.get(keyOf("object", "next"))?.object, "goes on");
  assert.equal(replica.get(key)?.object, "good");
  assert.match(replica.problems()[0]?.because ?? "", /format 9 is not known here/);
});

test("a card that cannot be read says nothing, and stands for the oldest format", () => {
  assert.deepEqual(cardOf({ format: "two" }), {});
  assert.deepEqual(cardOf(undefined), {});
  const member = { state: "alive", left: false } as const;
  assert.equal(commonFormat([{ ...member, card: { format: 7 } }]), newestFormat);
  assert.equal(
    commonFormat([
      { ...member, card: { format: 7 } },
      { ...member, card: "?" },
    ]),
    oldestFormat,
  );
  assert.equal(commonFormat([]), newestFormat);
});
