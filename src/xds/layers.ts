/**
 * The layers that every proxy's configuration is a stack of. Owns the newest resources of each; proxies hold no copy.
 * `apply` is the only writer. It announces each name before it changes, so that whoever needs to know what a proxy
 * holds until now can still read it.
 *
 * What a cluster or listener asks for is always there: endpoints or routes that nobody made are an empty assignment or
 * an empty route table, because Envoy warms a cluster or a listener until it is answered, and ignores for routes the
 * answer that there are none.
 */
import type { LayerChange, LayerKey, Position } from "../compile/layer.ts";
import type { EncodedResource, ResourceType } from "../envoy/resource.ts";
import type { Item } from "./item.ts";
import { SharedLists } from "./shared_lists.ts";
import { firstStep, nextStep, type Step } from "./step.ts";
import { perType } from "./type_url.ts";

interface Layer {
  readonly items: Readonly<Record<ResourceType, Map<string, Item>>>;
  /** How many resources of the layer ask for a name. */
  readonly asks: Readonly<Record<ResourceType, Map<string, number>>>;
}

export type BeforeChange = (layer: LayerKey, type: ResourceType, name: string) => void;

function newLayer(): Layer {
  return { items: perType(() => new Map()), asks: perType(() => new Map()) };
}

export class LayerStore {
  /** Of this step. */
  readonly lists = new SharedLists();
  readonly #layers = new Map<LayerKey, Layer>();
  #step: Step = firstStep;

  get step(): Step {
    return this.#step;
  }

  /** Layers and bytes held, for the metrics; what stands in many layers is held once. */
  size(): { readonly layers: number; readonly resources: number; readonly bytes: number } {
    let resources = 0;
    const held = new Set<Uint8Array>();
    for (const layer of this.#layers.values()) {
      for (const items of Object.values(layer.items)) {
        resources += items.size;
        for (const { resource, slice } of items.values()) {
          held.add(resource.value);
          if (slice) held.add(slice);
        }
      }
    }
    const bytes = [...held].reduce((sum, { length }) => sum + length, 0);
    return { layers: this.#layers.size, resources, bytes };
  }

  /** A resource whose bytes are the same is no change: nobody hears of it. */
  apply(
    changes: readonly LayerChange<EncodedResource>[],
    position: Position,
    { nowMs, before }: { readonly nowMs: number; readonly before: BeforeChange },
  ): Step {
    const step = nextStep(this.#step, position, nowMs);
    this.#step = step;
    this.lists.forget();
    for (const change of changes) {
      const layer = this.#layers.get(change.layer) ?? newLayer();
      this.#layers.set(change.layer, layer);
      const announce = (type: ResourceType, name: string): void => before(change.layer, type, name);
      for (const { type, name } of change.removed) remove(layer, type, name, announce);
      for (const resource of change.set) set(layer, resource, step, announce);
      if (Object.values(layer.items).every((items) => items.size === 0)) this.#layers.delete(change.layer);
    }
    return step;
  }

  item(layer: LayerKey, type: ResourceType, name: string): Item | undefined {
    return this.#layers.get(layer)?.items[type].get(name);
  }

  asks(layer: LayerKey, type: ResourceType, name: string): boolean {
    return this.#layers.get(layer)?.asks[type].has(name) ?? false;
  }

  names(layer: LayerKey, type: ResourceType): Iterable<string> {
    return this.#layers.get(layer)?.items[type].keys() ?? [];
  }

  items(layer: LayerKey, type: ResourceType): Iterable<Item> {
    return this.#layers.get(layer)?.items[type].values() ?? [];
  }

  /** Whether it has resources of the type, or some that ask for them. */
  concerns(layer: LayerKey, type: ResourceType): boolean {
    const found = this.#layers.get(layer);
    return found !== undefined && (found.items[type].size > 0 || found.asks[type].size > 0);
  }

  count(layer: LayerKey, type: ResourceType): number {
    return this.#layers.get(layer)?.items[type].size ?? 0;
  }
}

type Announce = (type: ResourceType, name: string) => void;

function set(layer: Layer, resource: EncodedResource, step: Step, announce: Announce): void {
  const old = layer.items[resource.type].get(resource.name);
  if (old?.resource.version === resource.version) return;
  announce(resource.type, resource.name);
  // First what is new, then what is old: a name that both ask for is asked for throughout.
  for (const asked of resource.asksFor) countAsk(layer, asked, 1, announce);
  for (const asked of old?.resource.asksFor ?? []) countAsk(layer, asked, -1, announce);
  layer.items[resource.type].set(resource.name, { resource, step, slice: undefined });
}

function remove(layer: Layer, type: ResourceType, name: string, announce: Announce): void {
  const old = layer.items[type].get(name);
  if (!old) return;
  announce(type, name);
  for (const asked of old.resource.asksFor) countAsk(layer, asked, -1, announce);
  layer.items[type].delete(name);
}

function countAsk(layer: Layer, asked: EncodedResource["asksFor"][number], by: 1 | -1, announce: Announce): void {
  const counts = layer.asks[asked.type];
  const count = (counts.get(asked.name) ?? 0) + by;
  const begins = by === 1 && count === 1;
  if (begins || count === 0) announce(asked.type, asked.name);
  if (count === 0) counts.delete(asked.name);
  else counts.set(asked.name, count);
}
