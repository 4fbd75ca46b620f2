// A client of state-of-the-world ADS, by the protocol's words alone: what it holds at the end is what the layers say.

import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { ClusterLoadAssignmentSchema } from "#envoy/envoy/config/endpoint/v3/endpoint_pb.js";
import { RouteConfigurationSchema } from "#envoy/envoy/config/route/v3/route_pb.js";
import {
  DiscoveryRequestSchema,
  type DiscoveryResponse,
  DiscoveryResponseSchema,
} from "#envoy/envoy/service/discovery/v3/discovery_pb.js";
import type { LayerChange } from "../../src/compile/layer.ts";
import type { EncodedResource, ResourceType } from "../../src/envoy/resource.ts";
import { Fleet } from "../../src/xds/fleet.ts";
import { messageOf } from "../../src/xds/frame.ts";
import { StateOfTheWorld } from "../../src/xds/state_of_the_world.ts";
import type { ProxyStream } from "../../src/xds/stream.ts";
import { resourceTypes, typeUrls } from "../../src/xds/type_url.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { mesh, resource } from "./world.ts";

interface Thing {
  readonly name: string;
  readonly version: string;
  readonly names: readonly string[];
}

/** A resource whose body says its own name, as real ones do: this protocol has no other place for it. */
function thing(type: ResourceType, name: string, version: string, names: readonly string[] = []): EncodedResource {
  const value = new TextEncoder().encode(JSON.stringify({ name, version, names }));
  return { ...resource(type, name, version, names), value };
}

/** What is asked for and missing comes as an empty resource of its real type. */
function thingIn(type: ResourceType, value: Uint8Array): Thing {
  const text = new TextDecoder().decode(value);
  if (text.startsWith("{")) return JSON.parse(text);
  const name = type === "route" ? fromBinary(RouteConfigurationSchema, value).name : undefined;
  return { name: name ?? fromBinary(ClusterLoadAssignmentSchema, value).clusterName, version: "", names: [] };
}

class Client {
  readonly held: Record<ResourceType, Map<string, Thing>> = {
    cluster: new Map(),
    endpoints: new Map(),
    listener: new Map(),
    route: new Map(),
  };
  inbox: DiscoveryResponse[] = [];
  #fleet: Fleet;
  #dialect = new StateOfTheWorld();
  #stream: ProxyStream;
  readonly #nonces = new Map<ResourceType, string>();

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
    this.#stream = this.#open();
    this.say("cluster");
    this.say("listener");
  }

  /** Its node is gone; on another it asks again for all that it names. */
  moveTo(fleet: Fleet): void {
    this.#fleet.close(this.#stream);
    this.#fleet = fleet;
    this.#dialect = new StateOfTheWorld();
    this.#nonces.clear();
    this.#stream = this.#open();
    for (const type of resourceTypes) {
      if (type === "cluster" || type === "listener" || this.#wanted(type).length > 0) this.say(type);
    }
  }

  #open(): ProxyStream {
    this.inbox = [];
    const { inbox } = this;
    const write = (frame: Buffer, flushed: () => void): void => {
      inbox.push(fromBinary(DiscoveryResponseSchema, messageOf(frame)));
      flushed();
    };
    return this.#fleet.open({ proxy: "a.default", layers: [mesh], wire: { write }, dialect: this.#dialect });
  }

  say(type: ResourceType, error?: string): void {
    const request = create(DiscoveryRequestSchema, {
      typeUrl: typeUrls[type],
      resourceNames: this.#wanted(type),
      responseNonce: this.#nonces.get(type) ?? "",
      ...(error !== undefined && { errorDetail: { code: 13, message: error } }),
    });
    const decoded = this.#dialect.decode(toBinary(DiscoveryRequestSchema, request));
    if (decoded) this.#fleet.receive(this.#stream, decoded);
  }

  /** Takes the next response, if there is one, and asks for what it names. */
  answer(): boolean {
    const response = this.inbox.shift();
    if (!response) return false;
    const type = resourceTypes.find((each) => typeUrls[each] === response.typeUrl) ?? assert.fail(response.typeUrl);
    const things = response.resources.map(({ value }) => thingIn(type, value));
    this.#nonces.set(type, response.nonce);
    if (things.some(({ version }) => version.startsWith("bad"))) {
      this.say(type, "bad");
      return true;
    }
    const held = this.held[type];
    if (type === "cluster" || type === "listener") held.clear();
    for (const one of things) held.set(one.name, one);
    this.say(type);
    if (type === "cluster") this.#follow("endpoints");
    if (type === "listener") this.#follow("route");
    return true;
  }

  answerAll(): void {
    for (let turn = 0; this.answer(); turn++) assert.ok(turn < 1_000, "it never ends");
  }

  #follow(type: "endpoints" | "route"): void {
    const wanted = new Set(this.#wanted(type));
    for (const name of this.held[type].keys()) if (!wanted.has(name)) this.held[type].delete(name);
    this.say(type);
  }

  #wanted(type: ResourceType): string[] {
    if (type === "endpoints") return [...this.held.cluster.keys()];
    if (type === "route") return [...new Set([...this.held.listener.values()].flatMap(({ names }) => names))];
    return [];
  }

  holdings(): string[] {
    return resourceTypes
      .flatMap((type) => [...this.held[type].values()].map(({ name, version }) => `${type}/${name}@${version}`))
      .sort();
  }
}

class World {
  readonly fleet = new Fleet({ clock: new ManualClock() });
  readonly #now = new Map<string, EncodedResource>();
  #records = 0;

  constructor() {
    this.change([]);
  }

  change(set: readonly EncodedResource[], removed: LayerChange<EncodedResource>["removed"] = []): void {
    for (const item of set) this.#now.set(`${item.type}/${item.name}`, item);
    for (const { type, name } of removed) this.#now.delete(`${type}/${name}`);
    this.fleet.apply([{ layer: mesh, set, removed }], { records: ++this.#records, endpoints: 0 });
  }

  /** What a client ends with: all clusters and listeners, and of the rest what those name. */
  wanted(): string[] {
    const all = [...this.#now.values()];
    const asked = new Set(all.flatMap(({ asksFor }) => asksFor.map(({ type, name }) => `${type}/${name}`)));
    return all
      .filter(({ type, name }) => type === "cluster" || type === "listener" || asked.has(`${type}/${name}`))
      .map(({ type, name, version }) => `${type}/${name}@${version}`)
      .sort();
  }
}

const shop = [
  thing("cluster", "cart", "c1"),
  thing("endpoints", "cart", "e1"),
  thing("listener", "out", "l1", ["table"]),
  thing("route", "table", "r1", ["cart"]),
];

test("a new stream gets everything in order; a changed endpoint comes alone, a changed cluster in company", () => {
  const world = new World();
  world.change([...shop, thing("cluster", "pay", "c1"), thing("endpoints", "pay", "e1")]);
  const client = new Client(world.fleet);
  client.answerAll();
  assert.deepEqual(client.holdings(), world.wanted());

  world.change([thing("endpoints", "cart", "e2")]);
  assert.deepEqual(
    client.inbox.map(({ resources }) => resources.length),
    [1],
  );
  client.answerAll();
  world.change([thing("cluster", "cart", "c2")]);
  const [clusters] = client.inbox;
  assert.equal(clusters?.resources.length, 2, "absence would be removal");
  client.answerAll();
  assert.deepEqual(client.holdings(), world.wanted());
});

test("what is removed is left out, and its endpoints are not spoken of", () => {
  const world = new World();
  world.change([...shop, thing("cluster", "pay", "c1"), thing("endpoints", "pay", "e1")]);
  const client = new Client(world.fleet);
  client.answerAll();
  world.change(
    [],
    [
      { type: "cluster", name: "pay" },
      { type: "endpoints", name: "pay" },
    ],
  );
  client.answerAll();
  assert.deepEqual(client.holdings(), world.wanted());
  assert.equal(world.fleet.lacking(world.fleet.position).length, 0);
});

test("a refused cluster leaves the others as they were, and those that came with it are taken", () => {
  const world = new World();
  world.change(shop);
  const client = new Client(world.fleet);
  client.answerAll();
  world.change([thing("cluster", "cart", "bad"), thing("cluster", "ship", "c1"), thing("endpoints", "ship", "e1")]);
  client.answerAll();
  assert.deepEqual(
    client.holdings().filter((line) => line.startsWith("cluster")),
    ["cluster/cart@c1", "cluster/ship@c1"],
  );
  world.change([thing("cluster", "cart", "c3")]);
  client.answerAll();
  assert.deepEqual(client.holdings(), world.wanted());
});

test("an answer to a response that is not the newest says nothing", () => {
  const world = new World();
  world.change(shop);
  const client = new Client(world.fleet);
  client.answerAll();
  world.change([thing("cluster", "cart", "c2")]);
  client.say("cluster");
  assert.equal(world.fleet.lacking(world.fleet.position).length, 1, "the older nonce acknowledged nothing");
  client.answerAll();
  assert.deepEqual(client.holdings(), world.wanted());
});

const names = ["a", "b", "c"];
const item = fc
  .record({
    type: fc.constantFrom<ResourceType>(...resourceTypes),
    name: fc.constantFrom(...names),
    version: fc.constantFrom("1", "2", "3"),
  })
  .map(({ type, name, version }) => thing(type, name, version, [name]));
const act = fc.oneof(
  { weight: 5, arbitrary: fc.record({ set: fc.array(item, { maxLength: 4 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      remove: fc.record({ type: fc.constantFrom<ResourceType>(...resourceTypes), name: fc.constantFrom(...names) }),
    }),
  },
  { weight: 5, arbitrary: fc.constant("answer" as const) },
  { weight: 1, arbitrary: fc.constant("move" as const) },
);

test("property: whatever changes between answers, it ends with what the layers say", () => {
  fc.assert(
    fc.property(fc.array(act, { maxLength: 40 }), (acts) => {
      // Two nodes of one mesh.
      let [world, other] = [new World(), new World()];
      const client = new Client(world.fleet);
      for (const step of acts) {
        if (step === "answer") client.answer();
        else if (step === "move") {
          [world, other] = [other, world];
          client.moveTo(world.fleet);
        } else {
          const [set, removed] = "set" in step ? [step.set, []] : [[], [step.remove]];
          for (const node of [world, other]) node.change(set, removed);
        }
      }
      client.answerAll();
      const ends = client.holdings().filter((line) => !line.endsWith("@"));
      // What was named and then went stays with a client that still names it: nothing can be said of it.
      const wanted = new Set(world.wanted());
      for (const line of wanted) assert.ok(ends.includes(line), `${line} is missing among ${ends.join()}`);
      for (const line of ends) {
        if (/^(cluster|listener)/.test(line)) assert.ok(wanted.has(line), `${line} should be gone`);
      }
    }),
    { numRuns: 1_000 },
  );
});
