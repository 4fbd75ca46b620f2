/**
 * Who is concerned by a change: resource → streams. A name in a type leads to the streams that named it, a layer and a
 * type to the streams that take all of it, so a change costs what it touches and nothing else.
 */
import type { LayerKey } from "../compile/layer.ts";
import type { ResourceType } from "../envoy/resource.ts";

export interface Subscriber {
  /** Whether the layer is in its stack. */
  sees(layer: LayerKey): boolean;
}

type Streams<S> = Set<S>;

export class SubscriptionIndex<S extends Subscriber> {
  readonly #named: Record<ResourceType, Map<string, Streams<S>>> = {
    cluster: new Map(),
    endpoints: new Map(),
    listener: new Map(),
    route: new Map(),
  };
  readonly #wildcard: Record<ResourceType, Map<LayerKey, Streams<S>>> = {
    cluster: new Map(),
    endpoints: new Map(),
    listener: new Map(),
    route: new Map(),
  };

  addName(type: ResourceType, name: string, stream: S): void {
    add(this.#named[type], name, stream);
  }

  removeName(type: ResourceType, name: string, stream: S): void {
    remove(this.#named[type], name, stream);
  }

  addWildcard(type: ResourceType, layers: readonly LayerKey[], stream: S): void {
    for (const layer of layers) add(this.#wildcard[type], layer, stream);
  }

  removeWildcard(type: ResourceType, layers: readonly LayerKey[], stream: S): void {
    for (const layer of layers) remove(this.#wildcard[type], layer, stream);
  }

  /** A stream that both named the resource and takes all of the layer is visited twice. */
  concerned(layer: LayerKey, type: ResourceType, name: string, visit: (stream: S) => void): void {
    for (const stream of this.#wildcard[type].get(layer) ?? []) visit(stream);
    for (const stream of this.#named[type].get(name) ?? []) if (stream.sees(layer)) visit(stream);
  }
}

function add<K, S>(index: Map<K, Streams<S>>, key: K, stream: S): void {
  const streams = index.get(key);
  if (streams) streams.add(stream);
  else index.set(key, new Set([stream]));
}

function remove<K, S>(index: Map<K, Streams<S>>, key: K, stream: S): void {
  const streams = index.get(key);
  if (streams?.delete(stream) && streams.size === 0) index.delete(key);
}
