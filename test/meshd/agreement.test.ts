// Nodes that compare their copies: the one that holds something else finds out, reads anew, and until then stands back.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { NodeName } from "../../src/actors/runtime/placement.ts";
import { Agreement, compareMarks, decide } from "../../src/meshd/cluster/agreement.ts";
import { limits } from "../../src/platform/limits.ts";
import { silentLogger } from "../../src/platform/log.ts";
import { seededRandom } from "../../src/platform/random.ts";
import { MemoryServer } from "../../src/store/memory/server.ts";
import { Replica } from "../../src/store/replica.ts";
import type { RecordKey, Store, StoreRecord, StreamName, TailHandler } from "../../src/store/store.ts";
import { append, keyOf, sequenceOf, write } from "../store/store_world.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { TestQuestions } from "./node_questions.ts";

interface TestNode {
  readonly replica: Replica<string>;
  readonly agreement: Agreement;
}

class World {
  readonly clock = new ManualClock();
  readonly server = new MemoryServer({ clock: this.clock, random: seededRandom(3) });
  readonly store = this.server.open();
  readonly questions: TestQuestions;
  readonly nodes = new Map<string, TestNode>();
  /** Records whose bits flip on their way to a node, the next time they pass there. */
  readonly flips = new Map<string, RecordKey>();

  constructor(...names: readonly string[]) {
    this.questions = new TestQuestions(this.clock, names);
    for (const name of names) {
      const { clock } = this;
      const decode = ({ value }: StoreRecord): string => String(value);
      const replica = new Replica({ store: this.#flipping(name, this.server.open()), clock, decode });
      const agreement = new Agreement({ replica, others: this.questions.others(name), clock, log: silentLogger });
      agreement.start();
      this.nodes.set(name, { replica, agreement });
    }
  }

  node(name: string): TestNode {
    const node = this.nodes.get(name);
    assert.ok(node);
    return node;
  }

  async put(stream: StreamName, key: RecordKey, value: string): Promise<void> {
    const seen = await this.store.read(stream, key);
    sequenceOf(await this.store.append(stream, append(write(key, value, seen))));
  }

  shown(key: RecordKey): Record<string, string | undefined> {
    return Object.fromEntries([...this.nodes].map(([name, { replica }]) => [name, replica.get(key)?.object]));
  }

  rereads(): Record<string, number> {
    return Object.fromEntries([...this.nodes].map(([name, { replica }]) => [name, replica.rereads.nodes]));
  }

  #flipping(name: string, store: Store): Store {
    const handled = (handler: TailHandler): TailHandler => ({
      ...handler,
      batch: (entries, sequence) => {
        const passed = entries.map((entry) => {
          if (this.flips.get(name) !== entry.record.key) return entry;
          this.flips.delete(name);
          return { record: { ...entry.record, value: "flipped" }, crc32: 1 };
        });
        handler.batch(passed, sequence);
      },
    });
    return {
      incarnation: (stream) => store.incarnation(stream),
      append: (stream, what, signal) => store.append(stream, what, signal),
      read: (stream, key, signal) => store.read(stream, key, signal),
      lastSequence: (stream, signal) => store.lastSequence(stream, signal),
      tail: (stream, handler) => store.tail(stream, handled(handler)),
      close: () => store.close(),
    };
  }
}

const deny = keyOf("object", "deny");
const shard = keyOf("endpoints", "default", "reviews", "agent", "0");

for (const [stream, key] of [
  ["records", deny],
  ["endpoints", shard],
] as const) {
  test(`of three nodes one holds other ${stream}: it alone reads anew, and is like the others again`, async () => {
    const world = new World("a", "b", "c");
    await world.put(stream, key, "first");
    await world.clock.advance(2 * limits.checksumCompareMs);
    assert.deepEqual(world.node("a").agreement.verdict(stream), { equal: ["b", "c"], different: [], suspect: false });

    world.flips.set("b", key);
    await world.put(stream, key, "second");
    await world.clock.advance(1);
    assert.deepEqual(world.shown(key), { a: "second", b: "flipped", c: "second" });

    await world.clock.advance(limits.checksumCompareMs);
    assert.equal(world.node("b").agreement.suspect, true, "until the next comparison says otherwise");
    assert.deepEqual(
      ["a", "c"].map((name) => world.node(name).agreement.suspect),
      [false, false],
    );
    assert.deepEqual(world.node("a").agreement.verdict(stream).different, ["b"]);
    await world.clock.advance(limits.checksumCompareMs);
    assert.deepEqual(world.shown(key), { a: "second", b: "second", c: "second" });
    assert.deepEqual(world.rereads(), { a: 0, b: 1, c: 0 });
    assert.equal(world.node("b").agreement.suspect, false);
    assert.ok(world.node("b").agreement.counts[stream].different > 0);
  });
}

for (const wrong of ["a", "b"]) {
  test(`of two nodes that differ nobody knows which is right, but the leader: ${wrong} is wrong`, async () => {
    const world = new World("a", "b");
    await world.clock.advance(2 * limits.checksumCompareMs);
    world.flips.set(wrong, deny);
    await world.put("records", deny, "closed");
    await world.clock.advance(3 * limits.checksumCompareMs);
    assert.deepEqual(world.shown(deny), { a: "closed", b: "closed" });
    assert.equal(world.rereads()[wrong], 1);
    assert.equal(world.node("a").agreement.suspect || world.node("b").agreement.suspect, false);
  });
}

test("a copy that is wrong again after it was read anew is read again", async () => {
  const world = new World("a", "b", "c");
  await world.clock.advance(2 * limits.checksumCompareMs);
  world.flips.set("c", deny);
  await world.put("records", deny, "closed");
  await world.clock.advance(1);
  world.flips.set("c", deny);
  await world.clock.advance(4 * limits.checksumCompareMs);
  assert.deepEqual(world.shown(deny), { a: "closed", b: "closed", c: "closed" });
  assert.deepEqual(world.rereads(), { a: 0, b: 0, c: 2 });
});

test("under steady writes, with nobody at fault, nobody reads anew", async () => {
  const world = new World("a", "b", "c");
  for (let n = 0; n < 400; n++) {
    await world.put(n % 2 ? "records" : "endpoints", n % 2 ? deny : shard, `${n}`);
    await world.clock.advance(50);
  }
  assert.deepEqual(world.rereads(), { a: 0, b: 0, c: 0 });
  const { records, endpoints } = world.node("a").agreement.counts;
  assert.ok(records.equal > 4 && endpoints.equal > 4, JSON.stringify({ records, endpoints }));
});

test("who is silent or gone has no voice; alone, nothing is doubted", async () => {
  const world = new World("a", "b", "c");
  await world.clock.advance(2 * limits.checksumCompareMs);
  world.flips.set("a", deny);
  await world.put("records", deny, "closed");
  world.questions.remove("b");
  world.questions.silent.add("c");
  await world.clock.advance(3 * limits.checksumCompareMs);
  assert.deepEqual(world.rereads().a, 0);
  world.questions.silent.delete("c");
  await world.clock.advance(2 * limits.checksumCompareMs);
  assert.deepEqual(world.shown(deny), { a: "closed", b: "closed", c: "closed" });
});

test("compared is only what can be: one incarnation, one position", () => {
  const marks = [
    { position: 4, checksum: "x" },
    { position: 7, checksum: "y" },
  ];
  const kinds = "object,service";
  const own = { incarnation: "i", kinds, marks };
  assert.equal(compareMarks(own, undefined), "incomparable");
  assert.equal(compareMarks(own, { incarnation: "j", kinds, marks }), "incomparable");
  assert.equal(compareMarks(own, { incarnation: "i", kinds: "object", marks }), "incomparable", "another version's");
  assert.equal(compareMarks(own, { incarnation: "i", kinds, marks: [{ position: 5, checksum: "x" }] }), "incomparable");
  assert.equal(
    compareMarks(own, { incarnation: "i", kinds, marks: [...marks, { position: 9, checksum: "z" }] }),
    "equal",
  );
  assert.equal(
    compareMarks(own, { incarnation: "i", kinds, marks: [{ position: 7, checksum: "w" }] }),
    "different",
    "the newest in common counts",
  );
});

test("who is in the minority doubts itself, and so do both halves", () => {
  const suspect = (...outcomes: readonly ("equal" | "different")[]): boolean | undefined =>
    decide(outcomes.map((outcome, index) => ({ node: `n${index}` as NodeName, outcome })))?.suspect;
  assert.equal(suspect(), undefined);
  assert.equal(suspect("equal", "different"), false);
  assert.equal(suspect("different", "different"), true);
  assert.equal(suspect("different"), true);
  assert.equal(suspect("equal", "equal", "different", "different"), false);
  assert.equal(suspect("equal", "different", "different"), true);
});
