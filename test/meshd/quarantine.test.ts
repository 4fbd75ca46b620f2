// From a proxy's refusal to the form before, on every node: with the real actor, fleet and compiler; what the proxies make
// of a configuration is played.

import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { DeltaDiscoveryResponseSchema } from "#envoy/envoy/service/discovery/v3/discovery_pb.js";
import { policy, policyHands } from "../../src/actors/kinds/policy.ts";
import { LocalNetwork } from "../../src/actors/runtime/local_network.ts";
import type { NodeName } from "../../src/actors/runtime/placement.ts";
import { ActorRuntime } from "../../src/actors/runtime/runtime.ts";
import { layersOfCaller } from "../../src/compile/compiler.ts";
import { Refusals } from "../../src/meshd/brake/refusals.ts";
import type { StoredResource } from "../../src/model/object.ts";
import { silentLogger } from "../../src/platform/log.ts";
import { seededRandom } from "../../src/platform/random.ts";
import { objectRecord } from "../../src/store/keys.ts";
import { messageOf } from "../../src/xds/frame.ts";
import { typeUrls } from "../../src/xds/type_url.ts";
import { ns } from "../compile/mesh.ts";
import { settled } from "../support/manual_clock.ts";
import { type BrakeNode, BrakeWorld, denyAll } from "./brake_world.ts";

/** A proxy that takes every cluster but those it finds bad. */
class PlayedProxy {
  readonly #node: BrakeNode;
  readonly #name: string;

  constructor(node: BrakeNode, name: string, isBad: (name: string) => boolean) {
    this.#node = node;
    this.#name = name;
    const stream = node.fleet.open({ proxy: name, layers: layersOfCaller(ns("default")), wire: { write } });
    const say = (typeUrl: string, words: { nonce?: string; error?: string; subscribe?: string[] } = {}): void => {
      const { nonce = "", subscribe = [], error } = words;
      const request = { node: undefined, typeUrl, subscribe, unsubscribe: [], nonce, error };
      node.fleet.receive(stream, { ...request, initialVersions: new Map() });
    };
    function write(frame: Buffer, flushed: () => void): void {
      const { typeUrl, nonce, resources } = fromBinary(DeltaDiscoveryResponseSchema, messageOf(frame));
      const names = resources.map(({ name }) => name);
      queueMicrotask(() => {
        flushed();
        const isRefused = typeUrl === typeUrls.cluster && names.some(isBad);
        say(typeUrl, { nonce, ...(isRefused && { error: "no such field" }) });
        if (typeUrl === typeUrls.cluster && !isRefused) say(typeUrls.endpoints, { subscribe: names });
      });
    }
    say(typeUrls.cluster);
  }

  /** Clusters that it is told of and has not refused. */
  holds(): readonly string[] {
    const layers = layersOfCaller(ns("default"));
    const status = this.#node.fleet.statuses().find(({ proxy }) => proxy === this.#name);
    const refused = new Set(status?.types.cds.nacked?.resources.map(({ name }) => name));
    return this.#node.fleet.resources(layers, "cluster").flatMap(({ name }) => (refused.has(name) ? [] : [name]));
  }
}

class QuarantineWorld {
  readonly brake: BrakeWorld;
  readonly runtime: ActorRuntime;

  constructor(t: TestContext) {
    this.brake = new BrakeWorld(t);
    const { clock, server } = this.brake;
    const self = "meshd-0" as NodeName;
    this.runtime = new ActorRuntime({
      view: { self, members: () => [self], onChange: () => () => {} },
      transport: new LocalNetwork(clock).join(self),
      store: server.open(),
      ...{ clock, random: seededRandom(2), log: silentLogger },
    });
    this.runtime.host(policy, policyHands);
    this.runtime.start();
    t.after(() => this.runtime.drain());
  }

  /** A node whose proxies' hosts are named by what stands before the dash in their names. */
  node(): Promise<BrakeNode> {
    return this.brake.node([], (quarantine) => {
      const refusals = new Refusals({
        quarantine,
        hostOf: (proxy) => /^(\w+)-/.exec(proxy)?.[1],
        tell: async (key, refusal) => void (await this.runtime.ask(policy, key, { type: "refused", ...refusal })),
        log: silentLogger,
      });
      return (response) => refusals.refused(response);
    });
  }

  async settled(): Promise<void> {
    for (let turn = 0; turn < 20; turn++) {
      await settled();
      await this.brake.clock.advance(1);
    }
  }

  async subsets(...names: readonly string[]): Promise<void> {
    const key = objectRecord({ kind: "DestinationRule", namespace: ns("default"), name: "cart" });
    await this.brake.write("records", new Map([[key, rule(names)]]));
    await this.settled();
  }
}

let generation = 0;

function rule(subsets: readonly string[]): StoredResource {
  return {
    resource: {
      apiVersion: "networking.mesh.io/v1",
      kind: "DestinationRule",
      metadata: { name: "cart", namespace: ns("default") },
      spec: { host: "cart", subsets: subsets.map((name) => ({ name, labels: { version: name } })) },
    },
    generation: ++generation,
    createdAtMs: 0,
  };
}

const isBad = (name: string): boolean => name.includes("|bad|");
const subsetsIn = (names: readonly string[]): string[] =>
  names
    .map((name) => name.split("|")[2] ?? "")
    .filter((subset) => subset !== "")
    .sort();

async function worldWithCart(t: TestContext): Promise<QuarantineWorld> {
  const world = new QuarantineWorld(t);
  await world.brake.say("cart", "agent-h0", 2);
  await world.subsets("v1");
  return world;
}

describe("a version of an object that proxies refuse", () => {
  test("of two hosts: every node gives the form before, says so, and takes the next version", async (t) => {
    const world = await worldWithCart(t);
    const [one, other] = [await world.node(), await world.node()];
    const proxies = [
      new PlayedProxy(one, "a-1", isBad),
      new PlayedProxy(one, "a-2", isBad),
      new PlayedProxy(other, "b-1", isBad),
    ];
    await world.settled();

    await world.subsets("v1", "bad");
    for (const node of [one, other]) assert.deepEqual(node.reasons(), ["quarantined 1"]);
    for (const proxy of proxies) assert.deepEqual(subsetsIn(proxy.holds()), ["v1"]);
    const [hold] = one.pipeline.brake.holds();
    assert.match(
      hold?.message ?? "",
      /destinationrule\/default\/cart in the form before.*on a, b, cluster .*no such field/,
    );

    await world.subsets("v1", "v2");
    for (const node of [one, other]) assert.deepEqual(node.reasons(), []);
    for (const proxy of proxies) assert.deepEqual(subsetsIn(proxy.holds()), ["v1", "v2"]);
  });

  test("of one host: it is withheld from its proxies alone", async (t) => {
    const world = await worldWithCart(t);
    const node = await world.node();
    for (const name of ["a-1", "a-2"]) new PlayedProxy(node, name, isBad);
    const good = new PlayedProxy(node, "b-1", () => false);
    await world.settled();
    await world.subsets("v1", "bad");
    assert.deepEqual(node.reasons(), []);
    assert.deepEqual(subsetsIn(good.holds()), ["bad", "v1"]);
  });

  test("of proxies that refuse everything, or that nobody knows: nothing is held", async (t) => {
    const world = await worldWithCart(t);
    const node = await world.node();
    for (const name of ["a-1", "b-1", "c-1"]) new PlayedProxy(node, name, () => true);
    for (const name of ["1", "2"]) new PlayedProxy(node, name, isBad);
    await world.settled();
    await world.subsets("v1", "bad");
    assert.deepEqual(node.reasons(), []);
  });

  test("a node that starts while it is held reads the form before in the log", async (t) => {
    const world = await worldWithCart(t);
    const node = await world.node();
    for (const name of ["a-1", "b-1"]) new PlayedProxy(node, name, isBad);
    await world.settled();
    await world.subsets("v1", "bad");
    const late = await world.node();
    assert.deepEqual(late.reasons(), ["quarantined 1"]);
    assert.deepEqual(subsetsIn(new PlayedProxy(late, "c-1", isBad).holds()), ["v1"]);
  });

  test("an operator may let it go; a security policy in the same apply is never held", async (t) => {
    const world = await worldWithCart(t);
    const node = await world.node();
    for (const name of ["a-1", "b-1"]) new PlayedProxy(node, name, isBad);
    await world.settled();
    const deny = objectRecord({ kind: "AuthorizationPolicy", namespace: ns("default"), name: "deny" });
    const key = objectRecord({ kind: "DestinationRule", namespace: ns("default"), name: "cart" });
    const bad = rule(["v1", "bad"]);
    await world.brake.write(
      "records",
      new Map<typeof key, unknown>([
        [key, bad],
        [deny, denyAll("deny", "/admin")],
      ]),
    );
    await world.settled();
    assert.deepEqual(node.reasons(), ["quarantined 1"]);
    await world.brake.release();
    assert.deepEqual(node.reasons(), []);
  });
});
