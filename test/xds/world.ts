/**
 * A small world around sessions: layers with made-up resources, and a proxy that behaves as Envoy does. It takes all
 * clusters and listeners, subscribes to what they name, warms a changed cluster until its endpoints come again, refuses
 * a response that holds something bad, and on a new stream says what it holds.
 */
import assert from "node:assert/strict";
import { type LayerChange, type LayerKey, layerKey, type Position } from "../../src/compile/layer.ts";
import type { EncodedResource, ResourceType } from "../../src/envoy/resource.ts";
import type { DeltaResponse } from "../../src/xds/frame.ts";
import { type BeforeChange, LayerStore } from "../../src/xds/layers.ts";
import type { DeltaRequest } from "../../src/xds/request.ts";
import { type Received, Session } from "../../src/xds/session.ts";
import { Stack } from "../../src/xds/stack.ts";
import { SubscriptionIndex } from "../../src/xds/subscription.ts";
import { resourceTypes, typeOfUrl, typeUrls } from "../../src/xds/type_url.ts";

export const mesh: LayerKey = layerKey("mesh");
export const own: LayerKey = layerKey("own");

/** A made-up resource. A cluster asks for endpoints of its name, a listener for the route table it names. */
export function resource(
  type: ResourceType,
  name: string,
  version: string,
  names: readonly string[] = [],
): EncodedResource {
  const asked =
    type === "cluster"
      ? [{ type: "endpoints" as const, name }]
      : type === "listener"
        ? names.map((routes) => ({ type: "route" as const, name: routes }))
        : [];
  return { type, name, version, value: new TextEncoder().encode(JSON.stringify(names)), asksFor: asked };
}

/** What a resource's body names; for a route table, clusters. */
export function namesIn(item: EncodedResource): string[] {
  const names: unknown = JSON.parse(new TextDecoder().decode(item.value));
  assert.ok(Array.isArray(names));
  return names.map(String);
}

export class World {
  readonly store = new LayerStore();
  readonly index = new SubscriptionIndex<ModelProxy>();
  #records = 0;

  change(
    layer: LayerKey,
    set: readonly EncodedResource[],
    removed: LayerChange<EncodedResource>["removed"] = [],
  ): Position {
    return this.changes([{ layer, set, removed }]);
  }

  changes(changes: readonly LayerChange<EncodedResource>[]): Position {
    const position = { records: ++this.#records, endpoints: 0 };
    const before: BeforeChange = (layer, type, name) => {
      this.index.concerned(layer, type, name, (proxy) => proxy.session.touch(type, name));
    };
    this.store.apply(changes, position, { nowMs: 0, before });
    return position;
  }
}

/** Two nodes of one mesh: the one that the proxy is on, and one that has made the same changes in fewer steps. */
export class TwoNodes {
  #here = new World();
  #there = new World();
  #missed: LayerChange<EncodedResource>[] = [];

  get here(): World {
    return this.#here;
  }

  change(change: LayerChange<EncodedResource>): void {
    this.#here.changes([change]);
    this.#missed.push(change);
  }

  /** The other one, which takes no stream before it has all that the first has. */
  move(): World {
    this.#there.changes(this.#missed);
    this.#missed = [];
    [this.#here, this.#there] = [this.#there, this.#here];
    return this.#here;
  }
}

interface Held {
  readonly version: string;
  readonly resource: EncodedResource;
}

export class ModelProxy {
  #world: World;
  layers: readonly LayerKey[];
  session: Session;
  readonly held: Record<ResourceType, Map<string, Held>> = {
    cluster: new Map(),
    endpoints: new Map(),
    listener: new Map(),
    route: new Map(),
  };
  /** Names of clusters that wait for endpoints, of listeners that wait for routes. */
  readonly warming = new Set<string>();
  /** Clusters that have been warm; one that warms again after a change goes on serving as it was. */
  readonly active = new Set<string>();
  /** Responses that came and were not answered. */
  inbox: DeltaResponse[] = [];
  /** All that ever came. */
  readonly log: DeltaResponse[] = [];
  refusals: Received[] = [];

  constructor(world: World, layers: readonly LayerKey[] = [mesh, own]) {
    this.#world = world;
    this.layers = layers;
    this.session = this.#newSession();
  }

  restack(layers: readonly LayerKey[]): void {
    const wildcards = [...this.session.subscriptions()].filter(({ wildcard }) => wildcard);
    for (const { type } of wildcards) this.#world.index.removeWildcard(type, this.layers, this);
    this.layers = layers;
    this.session.restack(new Stack(this.#world.store, layers));
    for (const { type } of wildcards) this.#world.index.addWildcard(type, layers, this);
  }

  sees(layer: LayerKey): boolean {
    return this.session.stack.has(layer);
  }

  /** Opens a stream as Envoy does: everything it subscribes to and holds, type by type. */
  connect(): void {
    for (const type of resourceTypes) {
      const held = this.held[type];
      const wildcard = type === "cluster" || type === "listener";
      const subscribe = wildcard ? [] : [...this.#wanted(type)];
      if (!wildcard && subscribe.length === 0) continue;
      const versions = new Map([...held].map(([name, { version }]) => [name, version]));
      this.ask(type, { subscribe, initialVersions: versions });
    }
  }

  /** The stream breaks; what was on its way is lost. @param to another node. */
  reconnect(to: World = this.#world): void {
    for (const { type, wildcard, named } of this.session.subscriptions()) {
      if (wildcard) this.#world.index.removeWildcard(type, this.layers, this);
      this.#world.index.removeSubscribed(type, named, this);
    }
    this.#world = to;
    this.inbox = [];
    this.session = this.#newSession();
    this.connect();
  }

  /** Another process in its place: it holds nothing, and sees what the first saw. */
  restart(): void {
    for (const type of resourceTypes) this.held[type].clear();
    this.warming.clear();
    this.active.clear();
    this.reconnect();
  }

  ask(type: ResourceType, request: Partial<DeltaRequest>): Received {
    const received = this.session.receive({
      node: undefined,
      typeUrl: typeUrls[type],
      subscribe: [],
      unsubscribe: [],
      initialVersions: new Map(),
      nonce: "",
      error: undefined,
      ...request,
    });
    this.poll();
    return received;
  }

  /** Takes what the server has to send now. */
  poll(): void {
    for (const response of this.session.advance()) {
      const same = this.inbox.filter(({ typeUrl }) => typeUrl === response.typeUrl);
      assert.deepEqual(same, [], "one response in flight per type");
      const names = [...response.items.map(({ resource: { name } }) => name), ...response.removed];
      assert.equal(new Set(names).size, names.length, "a response says one thing of a name");
      this.inbox.push(response);
      this.log.push(response);
    }
  }

  /** Answers the oldest response: takes it, or refuses it if something in it is bad. */
  answer(): DeltaResponse | undefined {
    const response = this.inbox.shift();
    if (!response) return undefined;
    const type = typeOfUrl(response.typeUrl);
    assert.ok(type);
    const bad = response.items.filter((item) => item.resource.version.includes("bad"));
    if (bad.length > 0) {
      // Envoy lets a cluster start without the endpoints that it refused.
      if (type === "endpoints") for (const item of response.items) this.warming.delete(item.resource.name);
      const error = `bad: ${bad.map((item) => item.resource.name).join(", ")}`;
      this.refusals.push(this.ask(type, { nonce: response.nonce, error }));
      return response;
    }
    const follow = this.#take(type, response);
    // Envoy sends the subscriptions that follow from a response before its acknowledgement.
    if (follow.subscribe.length > 0 || follow.unsubscribe.length > 0) this.ask(follow.type, follow);
    this.ask(type, { nonce: response.nonce });
    return response;
  }

  answerAll(): void {
    for (let turns = 0; this.inbox.length > 0; turns++) {
      assert.ok(turns < 10_000, "the conversation ends");
      this.answer();
    }
  }

  /** type/name@version of everything held, sorted. */
  holdings(type?: ResourceType): string[] {
    const types = type ? [type] : resourceTypes;
    return types
      .flatMap((each) => [...this.held[each]].map(([name, { version }]) => `${each}/${name}@${version}`))
      .sort();
  }

  #take(type: ResourceType, response: DeltaResponse) {
    const names = type === "cluster" ? "endpoints" : "route";
    const before = this.#wanted(names);
    const subscribed = type === "endpoints" || type === "route" ? this.#wanted(type) : undefined;
    for (const { resource: taken } of response.items) {
      // What came too late, after it had dropped the name, it does not take.
      if (subscribed && !subscribed.has(taken.name)) continue;
      const known = this.held[type].get(taken.name);
      this.held[type].set(taken.name, { version: taken.version, resource: taken });
      if (type === "cluster" && known?.version !== taken.version) this.warming.add(taken.name);
      if (type === "endpoints") this.#warm(taken.name);
    }
    for (const name of response.removed) {
      this.held[type].delete(name);
      if (type === "cluster") this.active.delete(name);
      if (type === "endpoints") this.#warm(name);
      else this.warming.delete(name);
    }
    const after = this.#wanted(names);
    const followed = type === "cluster" || type === "listener";
    const subscribe = followed ? [...after].filter((name) => !before.has(name)) : [];
    const unsubscribe = followed ? [...before].filter((name) => !after.has(name)) : [];
    for (const name of unsubscribe) this.held[names].delete(name);
    return { type: names, subscribe, unsubscribe } as const;
  }

  #warm(cluster: string): void {
    this.warming.delete(cluster);
    this.active.add(cluster);
  }

  #wanted(type: ResourceType): Set<string> {
    if (type === "endpoints") return new Set(this.held.cluster.keys());
    if (type === "route") {
      return new Set([...this.held.listener.values()].flatMap((held) => held.resource.asksFor.map(({ name }) => name)));
    }
    return new Set();
  }

  #newSession(): Session {
    const { store, index } = this.#world;
    return new Session({
      stack: new Stack(store, this.layers),
      currentStep: () => store.step,
      port: {
        addName: (type, name) => index.addName(type, name, this),
        removeName: (type, name) => index.removeName(type, name, this),
        addNames: (type, names) => index.addNames(type, names, this),
        addWildcard: (type) => index.addWildcard(type, this.layers, this),
        removeWildcard: (type) => index.removeWildcard(type, this.layers, this),
      },
    });
  }
}

/** Words for a response: "cluster +a@1 +b@2 -c". */
export function words(response: DeltaResponse | undefined): string {
  if (!response) return "nothing";
  const set = response.items.map(({ resource: { name, version } }) => `+${name}@${version}`);
  const removed = response.removed.map((name) => `-${name}`);
  return [typeOfUrl(response.typeUrl) ?? response.typeUrl, ...set, ...removed].join(" ");
}
