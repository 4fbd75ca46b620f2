/** The fleet as its callers see it: who is touched, who holds what, who is waited for. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import {
  type DeltaDiscoveryResponse,
  DeltaDiscoveryResponseSchema,
} from "#envoy/envoy/service/discovery/v3/discovery_pb.js";
import { type LayerKey, layerKey } from "../../src/compile/layer.ts";
import type { EncodedResource, ResourceType } from "../../src/envoy/resource.ts";
import { limits } from "../../src/platform/limits.ts";
import { Fleet } from "../../src/xds/fleet.ts";
import { messageOf } from "../../src/xds/frame.ts";
import { type RefusedResponse, silentObserver } from "../../src/xds/observer.ts";
import type { ProxyStream } from "../../src/xds/stream.ts";
import { resourceTypes, typeUrls } from "../../src/xds/type_url.ts";
import { ManualClock, settled } from "../support/manual_clock.ts";
import { mesh, resource } from "./world.ts";

const cart = [resource("cluster", "cart", "c1"), resource("endpoints", "cart", "e1")];

class World {
  readonly clock = new ManualClock();
  readonly refused: RefusedResponse[] = [];
  readonly latenciesMs: number[] = [];
  /** Since the change; undefined of what a new stream was owed. */
  readonly convergedMs: (number | undefined)[] = [];
  readonly fleet = new Fleet({
    clock: this.clock,
    observer: {
      ...silentObserver,
      refused: (refused) => this.refused.push(refused),
      acknowledged: (_type, ms, sinceMs) => {
        this.latenciesMs.push(ms);
        this.convergedMs.push(sinceMs);
      },
    },
  });
  #records = 0;

  apply(layer: LayerKey, set: readonly EncodedResource[]) {
    const position = { records: ++this.#records, endpoints: 0 };
    this.fleet.apply([{ layer, set, removed: [] }], position);
    return position;
  }
}

/** A client that keeps what it was sent; it answers when told to. */
class Client {
  readonly inbox: DeltaDiscoveryResponse[] = [];
  readonly unflushed: (() => void)[] = [];
  readonly #fleet: Fleet;
  readonly stream: ProxyStream;

  constructor(world: World, proxy: string, layers: readonly LayerKey[] = [mesh]) {
    this.#fleet = world.fleet;
    const write = (frame: Buffer, flushed: () => void): void => {
      this.inbox.push(fromBinary(DeltaDiscoveryResponseSchema, messageOf(frame)));
      this.unflushed.push(flushed);
    };
    this.stream = world.fleet.open({ proxy, layers, wire: { write } });
  }

  ask(type: ResourceType, words: { subscribe?: readonly string[]; nonce?: string; error?: string } = {}): void {
    const { subscribe = [], nonce = "", error } = words;
    const request = { node: undefined, typeUrl: typeUrls[type], subscribe, unsubscribe: [], nonce, error };
    this.#fleet.receive(this.stream, { ...request, initialVersions: new Map() });
  }

  connect(): this {
    this.ask("cluster");
    this.ask("listener");
    this.ask("endpoints", { subscribe: ["cart"] });
    return this;
  }

  flush(): void {
    for (const flushed of this.unflushed.splice(0)) flushed();
  }

  /** Answers everything, and what comes of it. */
  acknowledge(error?: string): this {
    this.flush();
    for (let next = this.inbox.shift(); next; next = this.inbox.shift()) {
      const type = resourceTypes.find((each) => typeUrls[each] === next.typeUrl) ?? assert.fail(next.typeUrl);
      this.ask(type, { nonce: next.nonce, ...(error !== undefined && { error }) });
      this.flush();
    }
    return this;
  }

  names(): string[] {
    return this.inbox.flatMap(({ resources }) => resources.map(({ name, version }) => `${name}@${version}`));
  }
}

/** Whether the promise is settled by now, and with what. */
async function now<T>(promise: Promise<T>): Promise<T | "pending"> {
  await settled();
  return Promise.race([promise, Promise.resolve("pending" as const)]);
}

describe("a proxy that refuses everything", () => {
  test("is told the rest slowly, until it takes something", async () => {
    const world = new World();
    const names = Array.from({ length: 4 * limits.xdsRefusalsAtOnce }, (_, i) => `c${i}`);
    world.apply(
      mesh,
      names.map((name) => resource("cluster", name, "1")),
    );
    const client = new Client(world, "a.default");
    client.ask("cluster");
    client.acknowledge("never");
    assert.equal(world.refused.length, limits.xdsRefusalsAtOnce + 1);
    await world.clock.advance(limits.xdsRefusedPauseMs - 1);
    assert.equal(client.inbox.length, 0);
    await world.clock.advance(1);
    assert.equal(client.inbox.length, 1);
    client.acknowledge();
    await world.clock.advance(10 * limits.xdsRefusedPauseMs);
    client.acknowledge();
    const held = names.length - client.stream.refusals({ records: 1, endpoints: 0 }).length;
    assert.ok(held >= names.length - limits.xdsRefusalsAtOnce - 1, `it holds ${held}`);
  });
});

describe("a change", () => {
  test("touches only the streams whose stack has the layer and who asked for the name", () => {
    const world = new World();
    const elsewhere = layerKey("elsewhere");
    world.apply(mesh, cart);
    world.apply(elsewhere, cart);
    const near = new Client(world, "near.default").connect().acknowledge();
    const far = new Client(world, "far.default", [elsewhere]).connect().acknowledge();
    world.apply(mesh, [resource("endpoints", "cart", "e2")]);
    world.apply(mesh, [resource("endpoints", "unasked", "e1")]);
    assert.deepEqual(near.names(), ["cart@e2"]);
    assert.deepEqual(far.names(), []);
  });

  test("leaves few seats to those who come, if it concerns somebody who is here", () => {
    const world = new World();
    const { arrivals } = world.fleet;
    world.apply(mesh, cart);
    new Client(world, "near.default").connect().acknowledge();
    world.apply(layerKey("elsewhere"), [resource("cluster", "user", "u1")]);
    assert.equal(arrivals.seats, limits.xdsSeatsAtFirst);
    world.apply(mesh, [resource("cluster", "cart", "c2")]);
    assert.equal(arrivals.seats, limits.xdsSeatsAtLeast);
  });

  test("waits for a peer that has not taken what was sent; then the newest goes", () => {
    const world = new World();
    const body = "x".repeat(limits.xdsUnflushedBytes + 1);
    world.apply(mesh, [resource("cluster", "cart", "c1", [body]), resource("endpoints", "cart", "e1")]);
    const client = new Client(world, "slow.default").connect();
    const before = client.inbox.length;
    for (const version of ["e2", "e3"]) world.apply(mesh, [resource("endpoints", "cart", version)]);
    assert.equal(client.inbox.length, before);
    client.acknowledge();
    assert.equal(client.stream.status().position.records, 3);
  });

  test("goes out in slices: others get a turn between them", async () => {
    const world = new World();
    world.apply(mesh, cart);
    const clients = ["a", "b", "c"].map((name) => new Client(world, `${name}.default`).connect().acknowledge());
    const tick = world.clock.monotonicMs.bind(world.clock);
    let readings = 0;
    world.clock.monotonicMs = () => tick() + readings++ * limits.xdsSliceMs;
    world.apply(mesh, [resource("endpoints", "cart", "e2")]);
    assert.ok(clients.some((client) => client.inbox.length === 0));
    for (let turn = 0; turn < clients.length; turn++) await settled();
    assert.ok(clients.every((client) => client.inbox.length === 1));
  });

  test("goes out in shorter slices while new proxies wait in line", () => {
    const servedInASlice = (arriving: number): number => {
      const world = new World();
      world.apply(mesh, cart);
      const clients = Array.from({ length: 20 }, (_, i) => new Client(world, `p${i}.default`).connect().acknowledge());
      for (let i = 0; i < arriving; i++) world.fleet.arrivals.enter({ begin: () => {}, late: () => {} });
      const tick = world.clock.monotonicMs.bind(world.clock);
      let readings = 0;
      world.clock.monotonicMs = () => tick() + readings++;
      world.apply(mesh, [resource("endpoints", "cart", "e2")]);
      return clients.filter((client) => client.inbox.length > 0).length;
    };
    const alone = servedInASlice(limits.xdsSeatsAtFirst);
    const among = servedInASlice(limits.xdsSeatsAtFirst + 1);
    assert.ok(among > 0 && among < alone, `${among} of ${alone}`);
  });

  test("that comes before proxies have answered the last goes with those after it, to all of them together", async () => {
    const world = new World();
    world.apply(mesh, cart);
    const clients = Array.from({ length: 50 }, (_, i) => new Client(world, `p${i}.default`).connect().acknowledge());
    const nonces: string[] = [];
    for (const version of ["e2", "e3", "e4"]) world.apply(mesh, [resource("endpoints", "cart", version)]);
    for (const client of clients) for (const { nonce } of client.inbox.splice(0)) nonces.push(nonce);
    assert.equal(nonces.length, clients.length);
    for (const [i, client] of clients.entries()) client.ask("endpoints", { nonce: nonces[i] ?? "" });
    assert.ok(clients.every((client) => client.inbox.length === 0));
    world.apply(mesh, [resource("endpoints", "cart", "e5")]);
    await world.clock.advance(clients.length * limits.xdsApartMs);
    assert.ok(clients.every((client) => client.names().join() === "cart@e5"));
  });

  test("that a proxy never acknowledges does not hold its generations for ever", async () => {
    const world = new World();
    world.apply(mesh, [...cart, resource("listener", "out", "l1")]);
    const client = new Client(world, "mute.default").connect();
    client.flush();
    assert.deepEqual(client.names(), ["cart@c1", "cart@e1"]);
    await world.clock.advance(limits.xdsGenerationMs);
    assert.deepEqual(client.names(), ["cart@c1", "cart@e1", "out@l1"]);
  });
});

test("how long a change took to be taken is told; what a new stream was owed is no change", async () => {
  const world = new World();
  world.apply(mesh, cart);
  await world.clock.advance(100);
  const client = new Client(world, "a.default").connect().acknowledge();
  assert.deepEqual(world.convergedMs, [undefined, undefined, undefined]);
  world.apply(mesh, [resource("endpoints", "cart", "e2")]);
  await world.clock.advance(30);
  client.acknowledge();
  assert.deepEqual(world.convergedMs.slice(3), [30]);
});

describe("distributed", () => {
  test("when every proxy acknowledged all that concerns it; at once for those whom nothing concerns", async () => {
    const world = new World();
    world.apply(mesh, cart);
    const [a, b] = [new Client(world, "a.default"), new Client(world, "b.default")];
    for (const client of [a, b]) client.connect().acknowledge();
    const unconcerned = new Client(world, "c.default", [layerKey("own", "c")]);
    unconcerned.ask("cluster");
    const position = world.apply(mesh, [resource("endpoints", "cart", "e2")]);
    const waiting = world.fleet.waitDistributed(position);
    assert.deepEqual(world.fleet.lacking(position), ["a.default", "b.default"]);
    a.acknowledge();
    assert.equal(await now(waiting), "pending");
    b.acknowledge();
    assert.deepEqual(await now(waiting), { kind: "done" });
  });

  test("not before a changed cluster has its endpoints again", async () => {
    const world = new World();
    world.apply(mesh, cart);
    const client = new Client(world, "a.default").connect().acknowledge();
    const position = world.apply(mesh, [resource("cluster", "cart", "c2")]);
    const waiting = world.fleet.waitDistributed(position);
    const [cluster, endpoints] = client.inbox.splice(0);
    assert.ok(cluster && endpoints);
    client.ask("cluster", { nonce: cluster.nonce });
    assert.equal(await now(waiting), "pending");
    client.ask("endpoints", { nonce: endpoints.nonce });
    assert.deepEqual(await now(waiting), { kind: "done" });
  });

  test("not while a new cluster's endpoints have not even been asked for", async () => {
    const world = new World();
    world.apply(mesh, cart);
    const client = new Client(world, "a.default").connect().acknowledge();
    const position = world.apply(mesh, [resource("cluster", "pay", "c1"), resource("endpoints", "pay", "e1")]);
    const waiting = world.fleet.waitDistributed(position);
    client.acknowledge();
    assert.equal(await now(waiting), "pending");
    client.ask("endpoints", { subscribe: ["pay"] });
    client.acknowledge();
    assert.deepEqual(await now(waiting), { kind: "done" });
  });

  test("waits for the layers themselves, and for later changes no longer than needed", async () => {
    const world = new World();
    world.apply(mesh, cart);
    const client = new Client(world, "a.default").connect().acknowledge();
    const waiting = world.fleet.waitDistributed({ records: 2, endpoints: 0 });
    assert.deepEqual(world.fleet.lacking({ records: 2, endpoints: 0 }), ["a.default"]);
    assert.equal(await now(waiting), "pending");
    world.apply(mesh, [resource("endpoints", "cart", "e2")]);
    world.apply(mesh, [resource("endpoints", "cart", "e3")]);
    const [first] = client.inbox.splice(0);
    client.ask("endpoints", { nonce: first?.nonce ?? "" });
    assert.deepEqual(await now(waiting), { kind: "done" });
    assert.deepEqual(world.fleet.lacking({ records: 3, endpoints: 0 }), ["a.default"]);
  });

  test("is refused, with the proxy and its words, as soon as one resource is refused alone", async () => {
    const world = new World();
    world.apply(mesh, cart);
    const client = new Client(world, "a.default").connect().acknowledge();
    const good = world.fleet.position;
    const position = world.apply(mesh, [resource("endpoints", "cart", "e2")]);
    const waiting = world.fleet.waitDistributed(position);
    client.acknowledge("no such address");
    const result = await now(waiting);
    assert.ok(result !== "pending" && result.kind === "refused");
    const [{ proxy, refusals }] = result.proxies as [(typeof result.proxies)[0]];
    assert.equal(proxy, "a.default");
    assert.deepEqual(
      refusals.map(({ type, name, because }) => ({ type, name, because })),
      [{ type: "endpoints", name: "cart", because: "no such address" }],
    );
    assert.deepEqual(
      world.refused.map(({ names, withheld }) => ({ names, withheld })),
      [{ names: ["cart"], withheld: true }],
    );
    assert.equal(client.stream.status().types.eds.nacked?.resources[0]?.name, "cart");
    assert.deepEqual(client.stream.status().position, good, "it holds no more than what it took");
    assert.deepEqual(await now(world.fleet.waitDistributed(good)), { kind: "done" }, "what came before stands");

    const repaired = world.apply(mesh, [resource("endpoints", "cart", "e3")]);
    client.acknowledge();
    assert.deepEqual(await now(world.fleet.waitDistributed(repaired)), { kind: "done" });
    assert.equal(client.stream.status().types.eds.nacked, undefined);
  });

  test("does not wait for a proxy that went, does for one that came, and ends with its signal", async () => {
    const world = new World();
    world.apply(mesh, cart);
    const going = new Client(world, "a.default").connect().acknowledge();
    const position = world.apply(mesh, [resource("endpoints", "cart", "e2")]);
    const waiting = world.fleet.waitDistributed(position);
    const coming = new Client(world, "b.default");
    world.fleet.close(going.stream);
    assert.equal(await now(waiting), "pending");
    coming.connect().acknowledge();
    assert.deepEqual(await now(waiting), { kind: "done" });

    const stop = new AbortController();
    const never = world.fleet.waitDistributed({ records: 99, endpoints: 0 }, stop.signal);
    stop.abort(new Error("enough"));
    await assert.rejects(never, /enough/);
  });
});

describe("a stream", () => {
  test("whose layers become others gets the difference, and changes of the new ones", () => {
    const world = new World();
    const special = layerKey("special");
    world.apply(mesh, cart);
    world.apply(special, [resource("endpoints", "cart", "e9")]);
    const client = new Client(world, "a.default").connect().acknowledge();
    world.fleet.restack(client.stream, [mesh, special]);
    assert.deepEqual(client.names(), ["cart@e9"]);
    client.acknowledge();
    world.apply(special, [resource("endpoints", "cart", "e10"), resource("cluster", "new", "c1")]);
    assert.deepEqual(client.names().sort(), ["cart@e10", "new@c1"]);
  });

  test("that is closed is touched no more", () => {
    const world = new World();
    world.apply(mesh, cart);
    const client = new Client(world, "a.default").connect().acknowledge();
    world.fleet.close(client.stream);
    world.apply(mesh, [resource("endpoints", "cart", "e2"), resource("cluster", "pay", "c1")]);
    assert.deepEqual(client.names(), []);
    assert.equal(world.fleet.size().streams, 0);
  });

  test("says what it was sent and what it took", async () => {
    const world = new World();
    world.apply(mesh, cart);
    const client = new Client(world, "a.default").connect();
    assert.deepEqual(client.stream.status().types.cds, { version: "1-0", acked: "" });
    assert.equal(client.stream.status().position.records, -1);
    await world.clock.advance(7);
    client.acknowledge();
    assert.deepEqual(client.stream.status().types.cds, { version: "1-0", acked: "1-0" });
    assert.deepEqual(client.stream.status().position, { records: 1, endpoints: 0 });
    assert.deepEqual(world.latenciesMs, [7, 7, 7], "clusters, endpoints, and word that there is no listener");
  });
});
