import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { limits } from "../../src/platform/limits.ts";
import { MembershipWorld } from "./membership_world.ts";

const { memberHeartbeatMs: beatMs, memberSuspicionMs: suspicionMs, memberAloneMs: aloneMs } = limits;
/** Until two have noticed a silence and told each other. */
const removalMs = suspicionMs + beatMs + 100;

test("a node alone owns everything, from its start and without NATS too", async () => {
  const world = new MembershipWorld();
  world.reaches = () => false;
  world.start("a");
  await world.pass(60_000);
  assert.equal(world.views(), "a:a");
  assert.equal(world.node("a").membership.hears, false);
});

test("nodes that start together are all owners within a heartbeat", async () => {
  const world = new MembershipWorld();
  for (const name of ["a", "b", "c"]) world.start(name);
  await world.pass(beatMs);
  assert.equal(world.views(), "a:abc b:abc c:abc");
});

test("a node that dies is removed by the others within the suspicion and a heartbeat, once", async () => {
  const world = await MembershipWorld.of(["a", "b", "c"]);
  world.forgetViews();
  world.kill("c");
  await world.pass(suspicionMs - beatMs - 50);
  assert.equal(world.views(), "a:abc b:abc", "a moment's silence removes nobody");
  await world.pass(removalMs - suspicionMs + beatMs + 50);
  assert.equal(world.views(), "a:ab b:ab");
  assert.equal(world.stateOf("c", "a"), "dead");
  await world.pass(60_000);
  assert.deepEqual([world.node("a").views, world.node("b").views], [["ab"], ["ab"]]);
});

test("a node of which NATS says that it is not there is removed at once; one that stands still is not", async () => {
  const world = await MembershipWorld.of(["a", "b", "c", "d"]);
  world.tellsAbsence = true;
  world.forgetViews();
  world.kill("c");
  world.pause("d");
  await world.pass(limits.memberOverdueMs + limits.memberAbsentMs + 2 * limits.memberLookMs + 50);
  assert.equal(world.views(), "a:abd b:abd d:abcd");
  await world.pass(removalMs);
  assert.match(world.views(), /^a:ab b:ab /);
  assert.deepEqual(world.node("a").views, ["abd", "ab"]);
});

test("a node that loses its connection for a moment is not removed", async () => {
  const world = await MembershipWorld.of(["a", "b", "c"]);
  world.forgetViews();
  world.tellsAbsence = true;
  world.reaches = (from, to) => from !== "c" && to !== "c";
  await world.pass(limits.memberAbsentMs);
  world.reaches = () => true;
  await world.pass(10_000);
  assert.deepEqual([world.node("a").views, world.node("b").views], [[], []]);
  world.reaches = (from, to) => from !== "c" && to !== "c";
  await world.pass(limits.memberOverdueMs + limits.memberAbsentMs + 2 * limits.memberLookMs + 50);
  assert.deepEqual([world.node("a").views, world.node("b").views], [["ab"], ["ab"]]);
});

test("a first restart is welcome at once, before the death was noticed or after", async () => {
  for (const awayMs of [1_000, 10_000]) {
    const world = await MembershipWorld.of(["a", "b", "c"]);
    world.kill("c");
    await world.pass(awayMs);
    world.start("c");
    await world.pass(beatMs);
    assert.equal(world.views(), "a:abc b:abc c:abc");
  }
});

test("a process that starts again and again is welcome each time, unless it dies young each time", async () => {
  for (const [livesMs, welcome] of [
    [limits.memberYoungMs + beatMs, true],
    [limits.memberYoungMs / 2, false],
  ] as const) {
    const world = await MembershipWorld.of(["a", "b", "c"]);
    await world.pass(limits.memberYoungMs);
    for (let round = 0; round < 5; round++) {
      world.kill("c");
      await world.pass(removalMs + beatMs);
      assert.match(world.views(), /^a:ab b:ab/);
      world.start("c");
      await world.pass(livesMs);
    }
    assert.equal(world.views() === "a:abc b:abc c:abc", welcome);
  }
});

test("a node that has started owns nothing before it is ready; the others go on", async () => {
  const world = await MembershipWorld.of(["a", "b"]);
  world.forgetViews();
  world.join("c");
  await world.pass(60_000);
  assert.equal(world.views(), "a:ab b:ab c:ab");
  assert.equal(world.stateOf("c", "a"), "joining");
  assert.equal(world.stateOf("c", "c"), "joining");
  world.node("c").membership.ready();
  await world.pass(beatMs);
  assert.equal(world.views(), "a:abc b:abc c:abc");
  assert.equal(world.stateOf("c", "a"), "alive");
  assert.deepEqual([world.node("a").views, world.node("b").views], [["abc"], ["abc"]]);
});

test("where nobody is ready those that join own; the first that is ready owns everything", async () => {
  const world = new MembershipWorld();
  for (const name of ["a", "b", "c"]) world.join(name);
  await world.pass(2_000);
  assert.equal(world.views(), "a:abc b:abc c:abc");
  world.node("b").membership.ready();
  await world.pass(beatMs);
  assert.equal(world.views(), "a:b b:b c:b");
  world.kill("b");
  await world.pass(removalMs);
  assert.equal(world.views(), "a:ac c:ac");
});

test("a node that leaves before it was ready, or dies, is not waited for", async () => {
  const world = await MembershipWorld.of(["a", "b"]);
  world.join("c").membership.leave();
  world.join("d");
  await world.pass(beatMs);
  assert.equal(world.stateOf("c", "a"), "leaving");
  world.node("c").membership.stop();
  world.kill("d");
  await world.pass(removalMs);
  assert.deepEqual([world.stateOf("c", "a"), world.stateOf("d", "a")], ["dead", "dead"]);
  assert.equal(world.node("a").membership.members().join(""), "ab");
});

test("of two nodes the one that is left removes the other alone, later", async () => {
  const world = await MembershipWorld.of(["a", "b"]);
  world.kill("b");
  await world.pass(aloneMs - beatMs - 50);
  assert.equal(world.views(), "a:ab");
  assert.equal(world.stateOf("b", "a"), "suspect");
  await world.pass(2 * beatMs + 100);
  assert.equal(world.views(), "a:a");
});

test("two of three that die at once leave one, which owns everything", async () => {
  const world = await MembershipWorld.of(["a", "b", "c"]);
  world.kill("b");
  world.kill("c");
  await world.pass(aloneMs + beatMs + 100);
  assert.equal(world.views(), "a:a");
});

test("one that cannot hear another moves nothing while the third hears both", async () => {
  const world = await MembershipWorld.of(["a", "b", "c"]);
  world.forgetViews();
  world.reaches = (from, to) => !(from === "a" && to === "b");
  await world.pass(60_000);
  assert.equal(world.stateOf("a", "b"), "suspect");
  assert.equal(world.views(), "a:abc b:abc c:abc");
  assert.deepEqual(
    ["a", "b", "c"].flatMap((name) => world.node(name).views),
    [],
  );
});

test("a node that is cut off is removed on both sides' terms, and taken back when it was heard for a while", async () => {
  const world = await MembershipWorld.of(["a", "b", "c"]);
  world.forgetViews();
  // With its nats-server: it hears itself.
  world.reaches = (from, to) => (from === "c") === (to === "c");
  await world.pass(aloneMs + beatMs + 100);
  assert.equal(world.views(), "a:ab b:ab c:c");

  world.reaches = () => true;
  await world.pass(beatMs + 50);
  assert.equal(world.views(), "a:ab b:ab c:ab", "the one that was removed steps back as soon as it hears that");
  await world.pass(limits.memberRejoinMs + beatMs);
  assert.equal(world.views(), "a:abc b:abc c:abc");
  assert.deepEqual(world.node("a").views, ["ab", "abc"], "nothing was thrown back and forth");
});

test("a node that cannot hear, or cannot speak, owns nothing and judges nobody", async () => {
  const cuts: readonly ((from: string, to: string) => boolean)[] = [(_from, to) => to !== "c", (from) => from !== "c"];
  for (const cut of cuts) {
    const world = await MembershipWorld.of(["a", "b", "c"]);
    world.forgetViews();
    world.reaches = cut;
    await world.pass(removalMs + 2 * beatMs);
    assert.match(world.views(), /^a:ab b:ab /);
    assert.ok(["alive", "suspect"].includes(world.stateOf("a", "c") ?? ""));
    await world.pass(60_000);
    assert.deepEqual(world.node("a").views, ["ab"]);
  }
});

test("a node that hears itself but not the others is known by that, and owns nothing", async () => {
  const world = await MembershipWorld.of(["a", "b", "c"]);
  world.reaches = (from, to) => from === to || to !== "c";
  await world.pass(removalMs + beatMs);
  assert.match(world.views(), /^a:ab b:ab /);
  world.reaches = () => true;
  await world.pass(aloneMs);
  assert.equal(world.views(), "a:abc b:abc c:abc");
});

test("without NATS nobody judges: all views stay, during an outage of any length and after", async () => {
  const world = await MembershipWorld.of(["a", "b", "c"]);
  world.forgetViews();
  world.reaches = () => false;
  await world.pass(10 * 60_000);
  assert.equal(world.views(), "a:abc b:abc c:abc");
  world.reaches = () => true;
  await world.pass(10_000);
  assert.equal(world.views(), "a:abc b:abc c:abc");
  assert.deepEqual(
    ["a", "b", "c"].flatMap((name) => world.node(name).views),
    [],
  );
});

test("a node that died during an outage of NATS is removed after it", async () => {
  const world = await MembershipWorld.of(["a", "b", "c"]);
  world.reaches = () => false;
  await world.pass(10_000);
  world.kill("c");
  world.reaches = () => true;
  await world.pass(removalMs + 2 * beatMs);
  assert.equal(world.views(), "a:ab b:ab");
});

test("a node that was removed stays removed when those who removed it lose NATS for a while", async () => {
  const world = await MembershipWorld.of(["a", "b", "c"]);
  world.kill("c");
  await world.pass(10_000);
  world.forgetViews();
  world.reaches = () => false;
  await world.pass(10_000);
  world.reaches = () => true;
  await world.pass(10_000);
  assert.deepEqual([world.node("a").views, world.node("b").views], [[], []]);
});

test("a node that is paused for five suspicion times is removed, finds the others alive, and owns nothing at first", async () => {
  const world = await MembershipWorld.of(["a", "b", "c"]);
  world.forgetViews();
  world.pause("c");
  await world.pass(5 * suspicionMs);
  assert.match(world.views(), /^a:ab b:ab /);
  world.resume("c");
  assert.equal(world.node("c").views.at(-1), "ab", "it learns from what waited in its socket that it was accused");
  await world.pass(limits.memberRejoinMs + 2 * beatMs);
  assert.equal(world.views(), "a:abc b:abc c:abc");
  for (const name of ["a", "b", "c"]) assert.deepEqual(world.node(name).views, ["ab", "abc"], name);
});

test("a node that comes and goes is taken back later each time", async () => {
  const world = await MembershipWorld.of(["a", "b", "c"]);
  const backMs: number[] = [];
  for (let round = 0; round < 4; round++) {
    world.reaches = (from) => from !== "c";
    await world.pass(removalMs + beatMs);
    assert.match(world.views(), /^a:ab b:ab /);
    world.reaches = () => true;
    const fromMs = world.clock.monotonicMs();
    while (!world.views().startsWith("a:abc b:abc")) await world.pass(50);
    backMs.push(world.clock.monotonicMs() - fromMs);
  }
  for (const [round, ms] of backMs.entries()) {
    const least = limits.memberRejoinMs * 2 ** round;
    assert.ok(ms >= least && ms <= least + 2 * beatMs, `round ${round}: ${ms} ms`);
  }
  await world.pass(limits.memberSteadyMs + 1_000);
  world.reaches = (from) => from !== "c";
  await world.pass(removalMs + beatMs);
  world.reaches = () => true;
  await world.pass(limits.memberRejoinMs + 2 * beatMs);
  assert.match(world.views(), /^a:abc b:abc /, "after a steady minute it is not `again` any more");
});

test("leaving is announced: the others own at once, nobody is suspected, and a farewell is not a death", async () => {
  const world = await MembershipWorld.of(["a", "b", "c"]);
  world.node("c").membership.leave();
  assert.deepEqual(world.node("c").membership.members(), ["a", "b"]);
  await world.pass(30);
  assert.equal(world.views(), "a:ab b:ab c:ab");
  assert.equal(world.stateOf("c", "a"), "leaving");
  world.node("c").membership.stop();
  await world.pass(30);
  assert.equal(world.stateOf("c", "a"), "dead");
  assert.equal(world.node("a").membership.known().at(-1)?.left, true);
  world.kill("c");
  world.start("c");
  await world.pass(beatMs);
  assert.equal(world.views(), "a:abc b:abc c:abc", "a rolling restart costs no probation");
});

test("a wrong wall clock: the node that most others disagree with owns nothing, says so, and comes back", async () => {
  const world = await MembershipWorld.of(["a", "b", "c"]);
  world.node("c").clock.offsetMs = -10 * 60_000;
  await world.pass(2 * beatMs);
  assert.equal(world.views(), "a:ab b:ab c:ab");
  assert.match(world.node("c").membership.impediments().join(), /clock/);
  assert.deepEqual(world.node("a").membership.impediments(), []);
  world.node("c").clock.offsetMs = 20_000;
  await world.pass(2 * beatMs);
  assert.equal(world.views(), "a:abc b:abc c:abc");
});

test("two nodes that disagree about the time both go on: nobody can say which is wrong", async () => {
  const world = await MembershipWorld.of(["a", "b"]);
  world.node("b").clock.offsetMs = 10 * 60_000;
  await world.pass(2 * beatMs);
  assert.equal(world.views(), "a:ab b:ab");
});

test("what is not a heartbeat is counted and changes nothing", async () => {
  const world = await MembershipWorld.of(["a", "b"]);
  const { membership } = world.node("a");
  for (const message of [undefined, null, 7, "x", [], {}, { format: 2 }, { format: 1, node: "../etc" }]) {
    world.inject("a", message);
  }
  await world.pass(beatMs);
  assert.equal(membership.unreadable, 8);
  assert.equal(world.views(), "a:ab b:ab");
});

test("after any cuts, pauses, restarts and clock changes all views are equal soon, and stay", async () => {
  const names = ["a", "b", "c"];
  const pair = fc.tuple(fc.constantFrom(...names), fc.constantFrom(...names));
  const step = fc.oneof(
    fc.record({ kind: fc.constant("cut" as const), pairs: fc.array(pair, { maxLength: 5 }) }),
    fc.record({ kind: fc.constant("pause" as const), node: fc.constantFrom(...names) }),
    fc.record({ kind: fc.constant("resume" as const), node: fc.constantFrom(...names) }),
    fc.record({ kind: fc.constant("restart" as const), node: fc.constantFrom(...names) }),
    fc.record({
      kind: fc.constant("clock" as const),
      node: fc.constantFrom(...names),
      offsetMs: fc.integer({ min: -90_000, max: 90_000 }),
    }),
  );
  const steps = fc.array(fc.tuple(step, fc.integer({ min: 10, max: 8_000 })), { minLength: 5, maxLength: 15 });
  await fc.assert(
    fc.asyncProperty(steps, fc.integer(), async (schedule, seed) => {
      const world = await MembershipWorld.of(names, seed);
      for (const [what, forMs] of schedule) {
        if (what.kind === "cut") {
          const cut = new Set(what.pairs.map((one) => one.join(">")));
          world.reaches = (from, to) => !cut.has(`${from}>${to}`);
        } else if (what.kind === "pause") world.pause(what.node);
        else if (what.kind === "resume") world.resume(what.node);
        else if (what.kind === "clock") world.node(what.node).clock.offsetMs = what.offsetMs;
        else {
          world.kill(what.node);
          world.start(what.node);
        }
        await world.pass(forMs);
      }
      world.reaches = () => true;
      for (const name of names) {
        world.resume(name);
        world.node(name).clock.offsetMs = 0;
      }
      await world.pass(limits.memberRejoinLongestMs + 10_000);
      world.forgetViews();
      await world.pass(10_000);
      assert.equal(world.views().split(" ").sort().join(" "), "a:abc b:abc c:abc");
      for (const name of names) assert.deepEqual(world.node(name).views, []);
    }),
    { numRuns: 60 },
  );
});
