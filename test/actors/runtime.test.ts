import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeActorRecord } from "../../src/actors/runtime/envelope.ts";
import { WeftError } from "../../src/platform/error.ts";
import { limits } from "../../src/platform/limits.ts";
import type { Append, Outcome, Store, StreamName } from "../../src/store/store.ts";
import { settled } from "../support/manual_clock.ts";
import { Cluster, nodeName, operationId, type TestNode } from "./cluster.ts";
import { counterKey, counterKind } from "./counter.ts";

const counter = counterKind();
const kindThatRuns = counterKind("always");
const add = (by: number) => ({ type: "add", by }) as const;
const read = { type: "read" } as const;

function isWeftError(code: string, retry?: string): (error: unknown) => boolean {
  return (error) => error instanceof WeftError && error.code === code && (!retry || error.retry === retry);
}

/** A store whose appends a test can watch or break; all else goes through. */
function withAppend(inner: Store, append: Store["append"]): Store {
  return {
    incarnation: (stream) => inner.incarnation(stream),
    append,
    read: (stream, key, signal) => inner.read(stream, key, signal),
    lastSequence: (stream) => inner.lastSequence(stream),
    tail: (stream, handler) => inner.tail(stream, handler),
    close: () => inner.close(),
  };
}

test("an actor comes to life on its first message, and its turns are in the record, with its epoch", async () => {
  const cluster = new Cluster();
  const { runtime, store } = cluster.node("a");

  const first = await cluster.until(runtime.ask(counter, "x", add(2)));
  const second = await cluster.until(runtime.ask(counter, "x", add(3)));

  assert.deepEqual([first, second], [{ count: 2 }, { count: 5 }]);
  const record = await store.read("records", counterKey("x"));
  assert.equal(record?.epoch, 1);
  assert.equal(record?.operations.length, 2);
});

test("every activation that writes has an epoch of its own, higher than the last", async () => {
  const cluster = new Cluster();
  const epochs: (number | undefined)[] = [];
  for (const name of ["a", "b", "c"]) {
    const { runtime, store } = cluster.node(name);
    await cluster.until(runtime.ask(counter, "x", add(1)));
    epochs.push((await store.read("records", counterKey("x")))?.epoch);
    await cluster.until(runtime.drain());
  }

  assert.deepEqual(epochs, [1, 2, 3]);
});

test("one turn at a time: a hundred additions at once are a hundred", async () => {
  const cluster = new Cluster();
  const { runtime } = cluster.node("a");

  const replies = await cluster.until(
    Promise.all(Array.from({ length: 100 }, () => runtime.ask(counter, "x", add(1)))),
  );

  assert.deepEqual(
    replies.map(({ count }) => count),
    Array.from({ length: 100 }, (_, index) => index + 1),
  );
});

test("an operation asked twice is done once, also by another node that takes over", async () => {
  const cluster = new Cluster();
  const a = cluster.node("a");
  const operation = operationId("op-1");

  const once = await cluster.until(a.runtime.ask(counter, "x", add(5), { operation }));
  const again = await cluster.until(a.runtime.ask(counter, "x", add(5), { operation }));
  const b = cluster.node("b");
  const elsewhere = await cluster.until(b.runtime.ask(counter, "x", add(5), { operation }));

  assert.deepEqual([once, again, elsewhere], [{ count: 5 }, { count: 5 }, { count: 5 }]);
  assert.equal(a.runtime.counts.repeated + b.runtime.counts.repeated, 2);
});

test("the reply and the effects come after the write, fenced by its sequence and epoch", async () => {
  const cluster = new Cluster();
  const order: string[] = [];
  const a = cluster.node("a", {
    store: (inner) =>
      withAppend(inner, async (stream, append, signal) => {
        const outcome = await inner.append(stream, append, signal);
        order.push("written");
        return outcome;
      }),
  });

  const { count } = await cluster.until(a.runtime.ask(counter, "x", add(4)));
  order.push("replied");

  const record = await a.store.read("records", counterKey("x"));
  assert.deepEqual(order, ["written", "replied"]);
  assert.deepEqual(a.hands.performed, [
    { announced: count, fence: { id: "x", sequence: record?.sequence, epoch: record?.epoch } },
  ]);
});

test("a stale owner that wakes and writes is refused, and its caller gets the truth", async () => {
  const cluster = new Cluster();
  const old = cluster.node("a");
  await cluster.until(old.runtime.ask(counter, "x", add(1)));
  // The old owner stops in the middle of a turn; another node, which believes it is alone, takes the actor over.
  const wakeUp = old.hands.hold();
  const late = old.runtime.ask(counter, "x", add(10));
  await settled();
  const young = cluster.node("b");
  await cluster.until(young.runtime.ask(counter, "x", add(100)));

  wakeUp();
  const reply = await cluster.until(late);

  assert.equal(old.runtime.counts.refusedWrites, 1);
  assert.deepEqual(reply, { count: 111 });
  const record = await young.store.read("records", counterKey("x"));
  assert.equal(record?.epoch, 3);
});

test("a stale owner does not answer a question from memory, unless the kind allows it", async () => {
  const cluster = new Cluster();
  const old = cluster.node("a");
  await cluster.until(old.runtime.ask(counter, "x", add(1)));
  const young = cluster.node("b");
  await cluster.until(young.runtime.ask(counter, "x", add(1)));

  const glance = await cluster.until(old.runtime.ask(counter, "x", { type: "glance" }));
  const confirmed = await cluster.until(old.runtime.ask(counter, "x", read));

  assert.deepEqual([glance, confirmed], [{ count: 1 }, { count: 2 }]);
});

test("two owners that both keep writing lose nothing of what was acknowledged", async () => {
  const cluster = new Cluster();
  const a = cluster.node("a");
  const b = cluster.node("b");

  const asked = Array.from({ length: 40 }, (_, i) => (i % 2 ? a : b).runtime.ask(counter, "x", add(1)));
  const outcomes = await cluster.until(Promise.allSettled(asked));

  const acknowledged = outcomes.filter(({ status }) => status === "fulfilled").length;
  const { count } = await cluster.until(a.runtime.ask(counter, "x", read));
  assert.equal(count, acknowledged);
  assert.ok(a.runtime.counts.refusedWrites + b.runtime.counts.refusedWrites > 0, "they did meet");
});

test("a full mailbox refuses at once, worth another try, and what was taken is done", async () => {
  const cluster = new Cluster();
  const { runtime, hands } = cluster.node("a");
  const release = hands.hold();

  const inTurn = runtime.ask(counter, "x", add(1));
  await settled();
  const waiting = Array.from({ length: limits.mailboxMessages }, () => runtime.ask(counter, "x", add(1)));
  await assert.rejects(runtime.ask(counter, "x", add(1)), isWeftError("overloaded", "later"));
  release();
  await cluster.until(Promise.all([inTurn, ...waiting]));

  assert.equal(runtime.counts.mailboxFull, 1);
  const { count } = await cluster.until(runtime.ask(counter, "x", read));
  assert.equal(count, limits.mailboxMessages + 1);
});

test("a write whose answer is lost is put again and counted once", async () => {
  const cluster = new Cluster();
  const { runtime } = cluster.node("a");
  cluster.server.faults.lostAnswer = 0.7;

  for (let i = 0; i < 10; i++) await cluster.until(runtime.ask(counter, "x", add(1)));

  cluster.server.faults.lostAnswer = 0;
  assert.deepEqual(await cluster.until(runtime.ask(counter, "x", read)), { count: 10 });
});

test("an operation that another owner did meanwhile is not taken for this activation's own write", async () => {
  const cluster = new Cluster();
  const operation = operationId("op-retried");
  const gate = Promise.withResolvers<void>();
  let holding = false;
  const old = cluster.node("a", {
    store: (inner) =>
      withAppend(inner, async (stream, append, signal) => {
        if (holding) await gate.promise;
        return inner.append(stream, append, signal);
      }),
  });
  await cluster.until(old.runtime.ask(counter, "x", add(1)));
  // The old owner stands still before its write. The caller asks another node, which does something else first.
  holding = true;
  const late = old.runtime.ask(counter, "x", add(10), { operation });
  await settled();
  const young = cluster.node("b");
  await cluster.until(young.runtime.ask(counter, "x", add(100)));
  await cluster.until(young.runtime.ask(counter, "x", add(10), { operation }));

  holding = false;
  gate.resolve();
  const reply = await cluster.until(late);
  const next = await cluster.until(old.runtime.ask(counter, "x", add(1000)));

  assert.deepEqual([reply, next], [{ count: 111 }, { count: 1111 }]);
  assert.equal((await young.store.read("records", counterKey("x")))?.epoch, 3);
});

test("an operation asked again is recognized though many others were done since", async () => {
  const cluster = new Cluster();
  const { runtime } = cluster.node("a");
  const operation = operationId("op-early");
  await cluster.until(runtime.ask(counter, "x", add(1), { operation }));
  const many = Array.from({ length: 3 * limits.operationsRemembered }, () => runtime.ask(counter, "x", add(1)));
  await cluster.until(Promise.all(many));
  await cluster.until(runtime.drain());

  const next = cluster.node("b");
  const again = await cluster.until(next.runtime.ask(counter, "x", add(1), { operation }));
  const { count } = await cluster.until(next.runtime.ask(counter, "x", read));

  assert.deepEqual([again, count], [{ count: 1 }, 1 + many.length]);
});

test("an actor that did more than it can remember refuses for a while, and forgets what nobody asks for again", async () => {
  const cluster = new Cluster();
  const { runtime, store } = cluster.node("a");
  for (let done = 0; done < limits.actorOperations; done += 256) {
    await cluster.until(Promise.all(Array.from({ length: 256 }, () => runtime.ask(counter, "x", add(1)))));
  }

  await assert.rejects(cluster.until(runtime.ask(counter, "x", add(1))), isWeftError("overloaded", "later"));
  await cluster.clock.advance(limits.actorOperationMs);
  await cluster.until(runtime.ask(counter, "x", add(1)));

  const record = await store.read("records", counterKey("x"));
  const { results } = decodeActorRecord(record?.value, "x");
  assert.equal(results.length, limits.operationsRemembered);
});

test("a write that stays unknown is told as unknown; the same operation, asked again, is applied once", async () => {
  const cluster = new Cluster();
  const { runtime } = cluster.node("a");
  const operation = operationId("op-unknown");
  cluster.server.faults.lostAnswer = 1;

  await assert.rejects(
    cluster.until(runtime.ask(counter, "x", add(1), { operation })),
    isWeftError("unknown-outcome", "later"),
  );
  cluster.server.faults.lostAnswer = 0;
  const closed = await cluster.until(runtime.ask(counter, "x", add(1), { operation }));

  assert.deepEqual(closed, { count: 1 });
});

test("a node that dies between write and reply: the ask goes on to the next owner and nothing is done twice", async () => {
  const cluster = new Cluster();
  const [a, b] = [nodeName("a"), nodeName("b")];
  let crashing = false;
  const dying = cluster.node("a", {
    store: (inner) => {
      const append = async (stream: StreamName, what: Append, signal?: AbortSignal): Promise<Outcome> => {
        const outcome = await inner.append(stream, what, signal);
        // The crash: the write is there, and this node never says or does anything again.
        return crashing ? new Promise<never>(() => {}) : outcome;
      };
      return withAppend(inner, append);
    },
  });
  const asker = cluster.node("b", { members: [a] });
  await cluster.until(asker.runtime.ask(counter, "x", add(1)));
  crashing = true;

  const asked = asker.runtime.ask(counter, "x", add(1), { operation: operationId("op-crash") });
  await cluster.clock.advance(100);
  cluster.network.leave(a);
  asker.view.become([b]);
  assert.deepEqual(await cluster.until(asked), { count: 2 });
  const again = await cluster.until(asker.runtime.ask(counter, "x", add(1), { operation: operationId("op-crash") }));

  assert.deepEqual(again, { count: 2 });
  assert.deepEqual(
    dying.hands.performed.map(({ announced }) => announced),
    [1],
  );
});

test("a request goes to the node that owns the actor, whoever is asked", async () => {
  const cluster = new Cluster();
  const members = ["a", "b", "c"].map(nodeName);
  const nodes = members.map((name) => cluster.node(name, { members }));
  const ids = Array.from({ length: 30 }, (_, index) => `actor-${index}`);

  for (const { runtime } of nodes) {
    for (const id of ids) await cluster.until(runtime.ask(counter, id, add(1)));
  }

  const activations = nodes.map(({ runtime }) => runtime.counts.activations);
  assert.equal(
    activations.reduce((sum, one) => sum + one, 0),
    ids.length,
  );
  assert.ok(
    activations.every((one) => one > 0),
    `each node has some: ${activations}`,
  );
  assert.ok(nodes.every(({ runtime }) => runtime.counts.refusedWrites === 0));
});

test("a node that the asker takes for the owner, wrongly, refuses; the asker finds the owner when its view heals", async () => {
  const cluster = new Cluster();
  const [a, b] = [nodeName("a"), nodeName("b")];
  const wrong = cluster.node("a", { members: [b] });
  const right = cluster.node("b", { members: [b] });
  const asker = cluster.node("c", { members: [a] });

  const asked = asker.runtime.ask(counter, "x", add(1));
  await cluster.clock.advance(100);
  asker.view.become([b]);

  assert.deepEqual(await cluster.until(asked), { count: 1 });
  assert.ok(wrong.runtime.counts.misplaced > 0);
  assert.equal(right.runtime.counts.writes, 1);
});

test("a node that hears nobody leaves an actor to whoever took it from it, and takes it again when that one may be gone", async () => {
  const cluster = new Cluster();
  const [cutOff, other] = [cluster.node("a"), cluster.node("b")];
  cutOff.view.alone = true;
  const count = ({ runtime }: TestNode) => cluster.until(runtime.ask(counter, "x", add(1)));
  const epoch = async () => (await other.store.read("records", counterKey("x")))?.epoch;
  for (const node of [other, cutOff, other]) await count(node);

  await assert.rejects(count(cutOff), isWeftError("unavailable"));
  assert.deepEqual(await count(other), { count: 4 });
  assert.equal(await epoch(), 3, "taken once, and back");

  await cluster.clock.advance(limits.actorYieldMs);
  assert.deepEqual(await count(cutOff), { count: 5 });
  assert.deepEqual(await count(other), { count: 6 }, "who hears others takes it at once");
  cutOff.view.alone = false;
  assert.deepEqual(await count(cutOff), { count: 7 });
});

test("when the view moves an actor away its activation ends, and the new owner goes on", async () => {
  const cluster = new Cluster();
  const [a, b] = [nodeName("a"), nodeName("b")];
  const old = cluster.node("a");
  const young = cluster.node("b", { members: [b] });
  await cluster.until(old.runtime.ask(counter, "x", add(1)));

  old.view.become([b]);

  assert.deepEqual(old.runtime.active(), { counter: 0 });
  assert.deepEqual(await cluster.until(old.runtime.ask(counter, "x", add(1))), { count: 2 });
  assert.equal(young.runtime.counts.writes, 1);
  assert.equal(a, old.view.self);
});

test("a timer outlives its node: whoever takes over wakes the actor, once it is due", async () => {
  const cluster = new Cluster();
  const first = cluster.node("a");
  await cluster.until(first.runtime.ask(counter, "x", { type: "dueIn", ms: 20_000 }));
  await cluster.until(first.runtime.drain());

  const second = cluster.node("b");
  await cluster.clock.advance(10_000);
  const before = await cluster.until(second.runtime.ask(counter, "x", read));
  await cluster.clock.advance(15_000);
  const after = await cluster.until(second.runtime.ask(counter, "x", read));

  assert.deepEqual([before, after], [{ count: 0 }, { count: 1000 }]);
  assert.equal(second.runtime.counts.wakes, 1);
});

test("an actor that always runs does so without being asked, on one node only, and again where it moves", async () => {
  const cluster = new Cluster();
  const [a, b] = [nodeName("a"), nodeName("b")];
  const settings = { runs: "always", ids: ["x"], members: [a, b] } as const;
  const nodes = [cluster.node("a", settings), cluster.node("b", settings)];
  await cluster.clock.advance(limits.actorSweepMs);

  const running = (): number[] => nodes.map(({ runtime }) => runtime.active().counter ?? 0);
  const atFirst = running();
  const owner = atFirst.indexOf(1);
  const survivor = owner === 0 ? b : a;
  for (const { view } of nodes) view.become([survivor]);
  await cluster.clock.advance(limits.actorSweepMs);

  assert.equal(atFirst[0], 1 - (atFirst[1] ?? 0));
  assert.deepEqual(
    running(),
    atFirst.map((one) => 1 - one),
  );
});

test("one of a kind that always runs, made while the cluster lives, runs from then on where it is placed", async () => {
  const cluster = new Cluster();
  const [a, b] = [nodeName("a"), nodeName("b")];
  const settings = { runs: "always", members: [a, b] } as const;
  const nodes = [cluster.node("a", settings), cluster.node("b", settings)];
  const running = (): number[] => nodes.map(({ runtime }) => runtime.active().counter ?? 0);
  const [asker] = nodes;
  assert.deepEqual(running(), [0, 0]);

  await cluster.until(asker?.runtime.ask(kindThatRuns, "made", add(1)) ?? assert.fail("no node"));
  await cluster.clock.advance(limits.actorIdleMs + limits.actorSweepMs);
  const placed = running();
  const survivor = placed[0] === 1 ? b : a;
  for (const { view } of nodes) view.become([survivor]);
  await cluster.clock.advance(limits.actorSweepMs * 2);

  assert.deepEqual([...placed].sort(), [0, 1]);
  assert.deepEqual(
    running(),
    placed.map((one) => 1 - one),
  );
});

test("an idle actor leaves memory and comes back as it was", async () => {
  const cluster = new Cluster();
  const { runtime } = cluster.node("a");
  await cluster.until(runtime.ask(counter, "x", add(7)));

  await cluster.clock.advance(limits.actorIdleMs + 1);
  const idle = runtime.active();
  const { count } = await cluster.until(runtime.ask(counter, "x", read));

  assert.deepEqual(idle, { counter: 0 });
  assert.equal(count, 7);
  assert.equal(runtime.counts.activations, 2);
});

test("drain finishes the turn under way and refuses the rest, elsewhere", async () => {
  const cluster = new Cluster();
  const { runtime, hands } = cluster.node("a");
  const release = hands.hold();
  const inTurn = runtime.ask(counter, "x", add(1));
  await settled();
  const waiting = assert.rejects(runtime.ask(counter, "x", add(1)), isWeftError("unavailable", "elsewhere"));

  const drained = runtime.drain();
  release();

  assert.deepEqual(await cluster.until(inTurn), { count: 1 });
  await waiting;
  await cluster.until(drained);
  await assert.rejects(runtime.ask(counter, "x", add(1)), isWeftError("unavailable", "elsewhere"));
});

test("a bug in one kind's turn refuses that message and stops nobody", async () => {
  const cluster = new Cluster();
  const { runtime } = cluster.node("a");

  await assert.rejects(cluster.until(runtime.ask(counter, "x", { type: "break" })), isWeftError("internal", "never"));

  assert.deepEqual(await cluster.until(runtime.ask(counter, "x", add(1))), { count: 1 });
});

test("a record that cannot be read refuses its own actor only", async () => {
  const cluster = new Cluster();
  const { runtime, store } = cluster.node("a");
  await store.append("records", {
    operation: operationId("foreign"),
    writes: [
      { key: counterKey("bad"), value: { format: 1, id: "bad", state: "nonsense", results: [] }, seen: undefined },
    ],
  });

  await assert.rejects(cluster.until(runtime.ask(counter, "bad", add(1))), isWeftError("invalid", "never"));

  assert.deepEqual(await cluster.until(runtime.ask(counter, "good", add(1))), { count: 1 });
});

test("fields of a newer version's record survive a turn of this one", async () => {
  const cluster = new Cluster();
  const { runtime, store } = cluster.node("a");
  const value = { format: 1, id: "x", state: { count: 1, later: "kept" }, results: [], newer: [1, 2] };
  const writes = [{ key: counterKey("x"), value, seen: undefined }];
  await store.append("records", { operation: operationId("newer"), writes });

  await cluster.until(runtime.ask(counter, "x", add(1)));

  const record = await store.read("records", counterKey("x"));
  assert.partialDeepStrictEqual(record?.value, { state: { count: 2, later: "kept" }, newer: [1, 2] });
});
