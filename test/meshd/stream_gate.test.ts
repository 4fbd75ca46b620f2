// Who may take a new stream: nobody that is behind while another is ahead, and always somebody.

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { NodeName } from "../../src/actors/runtime/placement.ts";
import type { Copy } from "../../src/meshd/cluster/member_card.ts";
import { isAhead, StreamGate } from "../../src/meshd/cluster/stream_gate.ts";
import { limits } from "../../src/platform/limits.ts";
import { seededRandom } from "../../src/platform/random.ts";
import { type MemoryFaults, noFaults } from "../../src/store/memory/faults.ts";
import { MemoryServer } from "../../src/store/memory/server.ts";
import { Replica } from "../../src/store/replica.ts";
import type { StreamName } from "../../src/store/store.ts";
import { append, keyOf, sequenceOf, write } from "../store/store_world.ts";
import { ManualClock, settled } from "../support/manual_clock.ts";

interface Door {
  readonly gate: StreamGate;
  readonly faults: MemoryFaults;
  readonly replica: Replica<unknown>;
  paused: boolean;
  suspect: boolean;
  keeps: boolean;
  /** Its questions to the leader. */
  asked: number;
}

/** Nodes that hear each other, unless one is cut off. */
class World {
  readonly clock = new ManualClock();
  readonly server = new MemoryServer({ clock: this.clock, random: seededRandom(5) });
  readonly store = this.server.open();
  readonly deaf = new Set<string>();
  readonly #doors = new Map<string, Door>();

  constructor(...names: readonly string[]) {
    const { clock } = this;
    for (const name of names) {
      const faults = { ...noFaults };
      const store = this.server.open({ faults, tailsPaused: () => door.paused });
      const replica = new Replica<unknown>({ store, clock, decode: ({ value }) => value });
      const gate = new StreamGate({
        replica,
        store: {
          incarnation: (stream) => store.incarnation(stream),
          lastSequence: (stream, signal) => {
            door.asked++;
            return store.lastSequence(stream, signal);
          },
        },
        isSuspect: () => door.suspect,
        keeps: () => door.keeps,
        others: () => this.#heardBy(name),
        clock,
      });
      const door: Door = { gate, faults, replica, paused: false, suspect: false, keeps: false, asked: 0 };
      this.#doors.set(name, door);
    }
  }

  static async of(...names: readonly string[]): Promise<World> {
    const world = new World(...names);
    await world.clock.advance(2 * limits.tailWatchMs);
    return world;
  }

  door(name: string): Door {
    const door = this.#doors.get(name);
    assert.ok(door);
    return door;
  }

  async put(stream: StreamName): Promise<void> {
    const key = keyOf(stream === "records" ? "object" : "endpoints", "x");
    sequenceOf(await this.store.append(stream, append(write(key, 1, await this.store.read(stream, key)))));
    await settled();
  }

  async admitted(name: string, withinMs: number = limits.streamCatchUpMs): Promise<string> {
    let answer: string | undefined = "no answer";
    void this.door(name)
      .gate.admit()
      .then((refused) => {
        answer = refused;
      });
    await this.clock.advance(withinMs);
    return answer ?? "admitted";
  }

  #heardBy(name: string): readonly { readonly node: NodeName; readonly copy: Copy }[] {
    if (this.deaf.has(name)) return [];
    return [...this.#doors].flatMap(([other, { gate }]) =>
      other === name || this.deaf.has(other) ? [] : [{ node: other as NodeName, copy: gate.copy() }],
    );
  }
}

test("a node that holds what its leaders hold takes a stream at once", async () => {
  const world = await World.of("a", "b");
  await world.put("records");
  assert.equal(await world.admitted("a", 0), "admitted");
  assert.deepEqual(world.door("a").gate.counts, { current: 1, behind: 0, refused: 0 });
});

test("a node whose tail hangs takes no new stream while another is fresh, nor before it is stale", async () => {
  const world = await World.of("a", "b");
  world.door("a").paused = true;
  await world.put("records");
  // It was confirmed a moment ago; but what the leader holds now, another may have sent already.
  assert.match(await world.admitted("a"), /older than that of node b/);
  await world.clock.advance(limits.streamStaleMs + 1);
  assert.match(await world.admitted("a", 0), /older than that of node b/, "and does not keep the proxy waiting");
  assert.equal(await world.admitted("b", 0), "admitted");
  world.door("a").paused = false;
  world.server.wakeTails();
  await settled();
  assert.equal(await world.admitted("a", 0), "admitted");
});

test("a stream waits for what the leaders held when it came", async () => {
  const world = await World.of("a", "b");
  world.door("a").paused = true;
  await world.put("endpoints");
  const waiting = world.door("a").gate.admit();
  await world.clock.advance(limits.streamCatchUpMs / 2);
  world.door("a").paused = false;
  world.server.wakeTails();
  assert.equal(await waiting, undefined);
  assert.equal(world.door("a").replica.position().endpoints, 1);
});

test("with the leaders gone, who is furthest takes streams, who is not does not", async () => {
  const world = await World.of("a", "b", "c");
  world.door("a").paused = true;
  await world.put("records");
  for (const name of ["a", "b", "c"]) world.door(name).paused = true;
  for (const name of ["a", "b", "c"]) world.door(name).faults.failedRead = 1;
  await world.clock.advance(limits.streamStaleMs + 1_000);
  assert.match(await world.admitted("a"), /older/);
  assert.equal(await world.admitted("b"), "admitted");
  assert.equal(await world.admitted("c"), "admitted");
});

test("a node that hears nobody serves what it has", async () => {
  const world = await World.of("a", "b");
  world.door("a").paused = true;
  world.door("a").faults.failedRead = 1;
  await world.put("records");
  world.deaf.add("a");
  await world.clock.advance(limits.streamStaleMs + 1_000);
  assert.equal(await world.admitted("a"), "admitted");
  assert.deepEqual(world.door("a").gate.counts, { current: 0, behind: 1, refused: 0 });
});

test("a node that the others contradict stands back, unless it is alone", async () => {
  const world = await World.of("a", "b");
  world.door("a").suspect = true;
  assert.match(await world.admitted("a"), /older/);
  world.deaf.add("b");
  assert.equal(await world.admitted("a"), "admitted");
});

test("what the store lost is served by those that still have it, not by a node that was started since", async () => {
  const world = await World.of("a", "b", "c");
  world.door("a").keeps = true;
  await world.put("records");
  assert.match(await world.admitted("b"), /node a has what the store lost/);
  assert.equal(await world.admitted("a"), "admitted");
  world.deaf.add("a");
  assert.equal(await world.admitted("b"), "admitted", "nobody has it");
});

test("a thousand streams at once ask the leaders twice", async () => {
  const world = await World.of("a");
  world.door("a").faults.latencyMs = 5;
  const answers = Array.from({ length: 1_000 }, () => world.door("a").gate.admit());
  await world.clock.advance(100);
  assert.deepEqual([...new Set(await Promise.all(answers))], [undefined]);
  assert.equal(world.door("a").asked, 2 * 2);
});

test("property: of any nodes there is one that nobody is ahead of, and none is ahead of itself", () => {
  const place = fc.record({ incarnation: fc.constantFrom("i", "j"), position: fc.nat(3) });
  const copy: fc.Arbitrary<Copy> = fc.record({
    fresh: fc.boolean(),
    keeps: fc.boolean(),
    records: place,
    endpoints: place,
  });
  fc.assert(
    fc.property(fc.array(copy, { minLength: 1, maxLength: 5 }), (copies) => {
      assert.ok(copies.some((one) => copies.every((other) => !isAhead(other, one))));
    }),
  );
});
