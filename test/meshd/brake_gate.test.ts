/** What waits before the proxies and what flows, from the store's records to the layers that proxies are served from. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { limits } from "../../src/platform/limits.ts";
import { sidecar } from "../compile/mesh.ts";
import { BrakeWorld, denyAll } from "./brake_world.ts";

const hosts = Array.from({ length: 10 }, (_, i) => `agent-h${i}`);
const all = { records: Number.MAX_SAFE_INTEGER, endpoints: Number.MAX_SAFE_INTEGER };
const web = sidecar("web", "default", {
  inbound: [
    {
      name: "http",
      port: 80,
      protocol: "http",
      appPort: 8080,
      listen: { address: "127.0.0.1", port: 15006 },
    },
  ],
});

/** Two services on ten hosts, two endpoints each. */
async function tenHosts(world: BrakeWorld): Promise<void> {
  for (const host of hosts) for (const service of ["cart", "pay"]) await world.say(service, host, 2);
}

async function lose(world: BrakeWorld, which: readonly string[]): Promise<void> {
  for (const host of which) for (const service of ["cart", "pay"]) await world.say(service, host, undefined);
}

describe("the brake", () => {
  test("many hosts unheard at once: half may go, the rest stays on show, and is named with its release", async (t) => {
    const world = new BrakeWorld(t);
    await tenHosts(world);
    const node = await world.node();
    await lose(world, hosts);
    assert.deepEqual(node.endpoints(), { cart: 10, pay: 10 });
    assert.deepEqual(node.clusters(), ["cart", "pay"]);
    const [hold] = node.pipeline.brake.holdsUpTo(all);
    assert.match(hold?.message ?? "", /would leave 0 of 20 endpoints, 0 of 2 services; said by agent-h\d/);
    assert.match(hold?.next ?? "", /meshctl freeze --release/);
    assert.deepEqual(node.pipeline.brake.counts, { frozen: 0, drop: 1, missing: 0, quarantined: 0 });

    await world.release();
    assert.deepEqual(node.endpoints(), {});
    assert.deepEqual(node.clusters(), []);
    assert.deepEqual(node.reasons(), []);
  });

  test("it lets go by itself when the sources speak again; what they say then is served", async (t) => {
    const world = new BrakeWorld(t);
    await tenHosts(world);
    const node = await world.node();
    await lose(world, hosts);
    for (const host of hosts.slice(0, 7)) await world.say("cart", host, 3);
    assert.deepEqual(node.reasons(), []);
    assert.deepEqual(node.endpoints(), { cart: 21 });
  });

  test("it judges anew what comes after a release", async (t) => {
    const world = new BrakeWorld(t);
    await tenHosts(world);
    const node = await world.node();
    await world.release();
    await lose(world, hosts);
    assert.deepEqual(node.endpoints(), { cart: 10, pay: 10 });
  });

  test("what grows flows while it holds, and so does a new DENY", async (t) => {
    const world = new BrakeWorld(t);
    await tenHosts(world);
    await world.workload(web);
    const node = await world.node();
    await lose(world, hosts);
    const rules = node.rules(web);
    await world.object("deny", denyAll("deny", "/admin"));
    assert.notEqual(node.rules(web), rules);
    await world.say("new", "api", 1);
    assert.deepEqual(node.endpoints(), { cart: 10, new: 1, pay: 10 });
    assert.deepEqual(node.reasons(), ["drop 10"]);
  });

  test("a wait for what is not held is not told of it", async (t) => {
    const world = new BrakeWorld(t);
    await tenHosts(world);
    const node = await world.node();
    await lose(world, hosts);
    assert.deepEqual(node.pipeline.brake.holdsUpTo({ records: 99, endpoints: 0 }), []);
    assert.deepEqual(node.pipeline.brake.holdsUpTo({ records: 0, endpoints: 30 }), [], "the first ten went");
    assert.equal(node.pipeline.brake.holdsUpTo({ records: 0, endpoints: 31 })[0]?.changes, 1);
  });

  test("a laptop: from 3 to 1, one service of three, all of a small mesh go at once", async (t) => {
    const world = new BrakeWorld(t);
    for (const service of ["a", "b", "c"]) await world.say(service, "agent-laptop", 2);
    const node = await world.node();
    await world.say("a", "agent-laptop", 1);
    await world.say("b", "agent-laptop", undefined);
    assert.deepEqual(node.endpoints(), { a: 1, c: 2 });
    await world.say("a", "agent-laptop", undefined);
    await world.say("c", "agent-laptop", undefined);
    assert.deepEqual(node.endpoints(), {});
  });

  test("one source's large service may be scaled to nothing", async (t) => {
    const world = new BrakeWorld(t);
    await world.say("big", "api", 100);
    const node = await world.node();
    await world.say("big", "api", 0);
    assert.deepEqual(node.endpoints(), { big: 0 });
  });

  test("a slow decline is none of its business", async (t) => {
    const world = new BrakeWorld(t);
    await tenHosts(world);
    const node = await world.node();
    for (const host of hosts) {
      await lose(world, [host]);
      await world.clock.advance(limits.brakeWindowMs);
    }
    assert.deepEqual(node.endpoints(), {});
  });

  test("a node that starts while it holds serves what its own file says was in force", async (t) => {
    const world = new BrakeWorld(t);
    await tenHosts(world);
    const before = await world.node();
    await lose(world, hosts);
    const after = await world.node([...before.pipeline.brake.keptShards()]);
    assert.deepEqual(after.endpoints(), before.endpoints());
    assert.deepEqual(after.reasons(), ["drop 10"]);
    await world.release();
    assert.deepEqual(after.endpoints(), {});
  });
});

describe("a stream that was lost", () => {
  test("what is missing from the new reading is kept, and named; what is written anew is served", async (t) => {
    const world = new BrakeWorld(t);
    await world.workload(web);
    await world.object("deny", denyAll("deny", "/admin"));
    const node = await world.node();
    const [own, rules] = [node.own(web), node.rules(web)];
    assert.ok(own.length > 0);

    await world.recreate("records");
    assert.deepEqual([node.own(web), node.rules(web)], [own, rules]);
    assert.deepEqual(node.reasons(), ["missing 2"]);
    const [hold] = node.pipeline.brake.holds();
    assert.match(hold?.message ?? "", /1 object and 1 workload not in the store.*nobody deleted/);

    await world.object("deny", denyAll("deny", "/other"));
    assert.notEqual(node.rules(web), rules, "a policy that is declared anew is in force");
    assert.deepEqual(node.reasons(), ["missing 1"]);
  });

  test("a workload goes when its host has said again what runs, an object when it is released", async (t) => {
    const world = new BrakeWorld(t);
    await world.workload(web);
    await world.workload(sidecar("cron"));
    await world.object("deny", denyAll("deny", "/admin"));
    const node = await world.node();
    await world.recreate("records");
    assert.deepEqual(node.reasons(), ["missing 3"]);
    await world.workload(web);
    assert.deepEqual([node.own(sidecar("cron")), node.reasons()], [[], ["missing 1"]]);
    const rules = node.rules(web);
    await world.release();
    assert.notEqual(node.rules(web), rules);
    assert.deepEqual(node.reasons(), []);
  });

  test("a restore says that what it lacks is meant to be gone, once; workloads wait for their hosts", async (t) => {
    const world = new BrakeWorld(t);
    await world.workload(web);
    await world.object("deny", denyAll("deny", "/admin"));
    const node = await world.node();
    const rules = node.rules(web);
    await world.recreate("records", () => world.deliver(() => ({ restored: "x-1 at noon" })));
    assert.deepEqual(node.reasons(), ["missing 1"]);
    assert.notEqual(node.rules(web), rules);
    assert.ok(node.own(web).length > 0);
  });

  test("endpoints are carried until their source speaks", async (t) => {
    const world = new BrakeWorld(t);
    await world.say("cart", "api", 3);
    const node = await world.node();
    await world.recreate("endpoints");
    assert.deepEqual([node.endpoints(), node.reasons()], [{ cart: 3 }, []]);
    await world.say("cart", "api", 1);
    assert.deepEqual(node.endpoints(), { cart: 1 });
  });
});

describe("a freeze", () => {
  test("holds what is declared after it, policies too, and lets endpoints and workloads go on; lifted, all goes", async (t) => {
    const world = new BrakeWorld(t);
    await world.workload(web);
    await world.object("old", denyAll("old", "/old"));
    const node = await world.node();
    await world.freeze();
    const rules = node.rules(web);
    await world.object("deny", denyAll("deny", "/admin"));
    await world.object("old", undefined);
    assert.equal(node.rules(web), rules);
    assert.deepEqual(node.reasons(), ["frozen 2"]);
    const [hold] = node.pipeline.brake.holdsUpTo(all);
    assert.match(hold?.message ?? "", /frozen since .* by ana, because: incident; 2 changes held/);
    assert.equal(hold?.next, "meshctl freeze --off");
    await world.say("cart", "api", 1);
    await world.workload(sidecar("late"));
    assert.deepEqual(node.endpoints(), { cart: 1 });
    assert.ok(node.own(sidecar("late")).length > 0);

    await world.thaw();
    assert.notEqual(node.rules(web), rules);
    assert.deepEqual(node.reasons(), []);
  });

  test("is told by `check` before anything waits, and concerns no `wait` then", async (t) => {
    const world = new BrakeWorld(t);
    const node = await world.node();
    await world.freeze();
    assert.deepEqual(node.reasons(), ["frozen 0"]);
    assert.deepEqual(node.pipeline.brake.holdsUpTo(all), []);
    assert.equal((await node.pipeline.check({ set: [denyAll("deny", "/x")], remove: [] }))[0]?.code, "MSH1602");
  });

  test("with endpoints holds them too", async (t) => {
    const world = new BrakeWorld(t);
    await world.say("cart", "api", 1);
    const node = await world.node();
    await world.freeze(true);
    await world.say("cart", "api", 5);
    assert.deepEqual(node.endpoints(), { cart: 1 });
    await world.thaw();
    assert.deepEqual(node.endpoints(), { cart: 5 });
  });

  test("a node that starts meanwhile serves what was in force at the freeze: changed, made and deleted since", async (t) => {
    const world = new BrakeWorld(t);
    await world.workload(web);
    await world.object("changed", denyAll("changed", "/1"));
    await world.object("deleted", denyAll("deleted", "/2"));
    const before = await world.node();
    await world.freeze();
    await world.object("changed", denyAll("changed", "/3"));
    await world.object("changed", denyAll("changed", "/4"));
    await world.object("deleted", undefined);
    await world.object("made", denyAll("made", "/5"));
    const after = await world.node();
    assert.equal(after.rules(web), before.rules(web));
    assert.deepEqual(after.reasons(), before.reasons());
    await world.thaw();
    assert.equal(after.rules(web), before.rules(web));
    assert.deepEqual([after.reasons(), before.reasons()], [[], []]);
  });

  test("outlives the loss of the record that said so", async (t) => {
    const world = new BrakeWorld(t);
    await world.workload(web);
    const node = await world.node();
    await world.freeze();
    await world.recreate("records");
    await world.workload(web);
    const rules = node.rules(web);
    await world.object("deny", denyAll("deny", "/admin"));
    assert.equal(node.rules(web), rules);
    await world.thaw();
    assert.notEqual(node.rules(web), rules);
  });
});
