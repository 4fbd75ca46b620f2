import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { NatsBus } from "../../src/actors/nats/bus.ts";
import { NodeNetwork } from "../../src/actors/nats/node_network.ts";
import { Membership } from "../../src/actors/runtime/membership.ts";
import type { NodeName } from "../../src/actors/runtime/placement.ts";
import { sleep, systemClock } from "../../src/platform/clock.ts";
import { WeftError } from "../../src/platform/error.ts";
import { limits } from "../../src/platform/limits.ts";
import { silentLogger } from "../../src/platform/log.ts";
import { systemRandom } from "../../src/platform/random.ts";
import { Connection } from "../../src/store/jetstream/connection.ts";
import { Nats, weftAccount } from "../support/nats.ts";

const ports = { clock: systemClock, random: systemRandom };
const [a, b] = ["a", "b"] as const satisfies readonly string[];
const name = (node: string): NodeName => node as NodeName;

interface Node {
  readonly bus: NatsBus;
  readonly network: NodeNetwork;
  readonly membership: Membership;
}

describe("nodes over a real nats-server", () => {
  let nats: Nats;
  const nodes = new Map<string, Node>();

  function join(node: string): Node {
    const options = { ...weftAccount, servers: nats.servers, name: node, logger: silentLogger };
    const bus = new NatsBus(new Connection({ ...ports, ...options }), systemClock);
    const network = new NodeNetwork(bus, name(node), "test", silentLogger);
    const gossip = network.gossip("members");
    const membership = new Membership({
      ...ports,
      self: name(node),
      gossip,
      log: silentLogger,
      card: () => ({ of: node }),
      isThere: (other) => network.isThere(other),
    });
    membership.start();
    membership.ready();
    const joined = { bus, network, membership };
    nodes.set(node, joined);
    return joined;
  }

  const at = (node: string): Node => {
    const found = nodes.get(node);
    if (!found) throw new Error(`no node ${node}`);
    return found;
  };
  const members = (node: string): string => at(node).membership.members().join("");

  /** Turns of the event loop, for what has no event to wait for. */
  async function until(holds: () => boolean): Promise<void> {
    while (!holds()) await sleep(systemClock, 5);
  }

  before(async () => {
    nats = await Nats.start();
    join(a);
    join(b);
    await until(() => members(a) === "ab" && members(b) === "ab" && at(a).membership.hears && at(b).membership.hears);
  });

  after(async () => {
    for (const { bus } of nodes.values()) await bus.close();
    await nats?.stop();
  });

  test("nodes meet, and know what each tells of itself", () => {
    assert.deepEqual(
      at(a)
        .membership.known()
        .map(({ node, card }) => [node, card]),
      [
        ["a", { of: "a" }],
        ["b", { of: "b" }],
      ],
    );
  });

  test("a question is answered, refused as the answerer says, or refused at once where nobody listens", async () => {
    at(b).network.answer("double", async (question) => ({ kind: "reply", payload: Number(question) * 2 }));
    at(b).network.answer("never", async () => {
      throw new WeftError({ code: "denied", retry: "never", attempted: "answer", because: "not for you" });
    });
    await at(b).bus.request("nobody.listens.to.this", new Uint8Array(), 1_000);
    const ask = (node: string, topic: string, question: unknown) =>
      at(a).network.ask(name(node), topic, question, 2_000);
    assert.deepEqual(await ask(b, "double", 21), { kind: "reply", payload: 42 });
    assert.deepEqual(await ask(b, "never", 1), {
      kind: "refused",
      code: "denied",
      retry: "never",
      because: "not for you",
    });
    const fromMs = systemClock.monotonicMs();
    for (const [node, topic] of [
      ["nobody", "double"],
      [b, "unheard-of"],
    ] as const) {
      const answer = await ask(node, topic, 1);
      assert.equal(answer.kind, "refused");
      assert.equal(answer.kind === "refused" && answer.retry, "elsewhere");
    }
    assert.ok(systemClock.monotonicMs() - fromMs < 1_000, "at once, not after the time it had");
  });

  test("who does not answer in time, or answers too much, is told as that; asking never rejects", async () => {
    at(b).network.answer("silence", () => new Promise(() => {}));
    at(b).network.answer("flood", async () => ({ kind: "reply", payload: "x".repeat(limits.nodeMessageBytes) }));
    await at(b).bus.request("nobody.listens.to.this", new Uint8Array(), 1_000);
    assert.equal((await at(a).network.ask(name(b), "silence", 1, 50)).kind, "unknown");
    const flood = await at(a).network.ask(name(b), "flood", 1, 2_000);
    assert.equal(flood.kind === "refused" && flood.code, "too-large");
    const shout = await at(a).network.ask(name(b), "double", "x".repeat(limits.nodeMessageBytes), 2_000);
    assert.equal(shout.kind, "refused");
  });

  test("without NATS views stay and questions are refused; with it, everything is heard again", async () => {
    const views: string[] = [];
    at(a).membership.onChange(() => views.push(members(a)));
    const asked = at(a).network.ask(name(b), "silence", 1, 10_000);
    await nats.kill();
    assert.equal((await asked).kind, "unknown", "it may have been received");
    await until(() => !at(a).membership.hears);
    assert.equal((await at(a).network.ask(name(b), "double", 1, 1_000)).kind, "refused");
    assert.equal(members(a), "ab");
    await nats.start();
    await until(() => at(a).membership.hears && at(b).membership.hears);
    let answer = await at(a).network.ask(name(b), "double", 4, 1_000);
    while (answer.kind !== "reply") answer = await at(a).network.ask(name(b), "double", 4, 1_000);
    assert.deepEqual(answer, { kind: "reply", payload: 8 });
    assert.deepEqual(views, []);
  });

  test("a node that leaves is known to have left", async () => {
    at(b).membership.stop();
    await until(() => members(a) === "a");
    assert.deepEqual(
      at(a)
        .membership.known()
        .map(({ node, state, left }) => [node, state, left]),
      [
        ["a", "alive", false],
        ["b", "dead", true],
      ],
    );
  });
});
