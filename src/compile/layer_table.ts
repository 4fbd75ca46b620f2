/** What every layer holds, and what has changed since it was last taken. Owned by the compiler. */
import type { Item, ItemType } from "./ir.ts";
import type { LayerChange, LayerKey } from "./layer.ts";
import { same } from "./same.ts";

export interface Placed {
  readonly layer: LayerKey;
  readonly item: Item;
}

interface Pending {
  readonly set: Map<string, Item>;
  readonly removed: Map<string, { readonly type: ItemType; readonly name: string }>;
}

export class LayerTable {
  readonly #layers = new Map<LayerKey, Map<string, Item>>();
  readonly #pending = new Map<LayerKey, Pending>();

  items(layer: LayerKey): readonly Item[] {
    return [...(this.#layers.get(layer)?.values() ?? [])];
  }

  /** One output's items were `before` and are `now`. Outputs never share a name in a layer. */
  place(before: readonly Placed[], now: readonly Placed[]): void {
    const kept = new Set(now.map(({ layer, item }) => `${layer}\n${keyOf(item)}`));
    for (const { layer, item } of before) if (!kept.has(`${layer}\n${keyOf(item)}`)) this.#remove(layer, item);
    for (const { layer, item } of now) this.#set(layer, item);
  }

  /** The changes since the last call, by layer. */
  taken(): readonly LayerChange<Item>[] {
    const changes = [...this.#pending].map(([layer, { set, removed }]) => ({
      layer,
      set: [...set.values()],
      removed: [...removed.values()],
    }));
    this.#pending.clear();
    return changes.filter(({ set, removed }) => set.length > 0 || removed.length > 0);
  }

  #set(layer: LayerKey, item: Item): void {
    const key = keyOf(item);
    let held = this.#layers.get(layer);
    if (!held) {
      held = new Map();
      this.#layers.set(layer, held);
    }
    if (same(held.get(key), item)) return;
    held.set(key, item);
    const pending = this.#pendingOf(layer);
    pending.removed.delete(key);
    pending.set.set(key, item);
  }

  #remove(layer: LayerKey, item: Item): void {
    const key = keyOf(item);
    const held = this.#layers.get(layer);
    if (!held?.delete(key)) return;
    if (held.size === 0) this.#layers.delete(layer);
    const pending = this.#pendingOf(layer);
    pending.set.delete(key);
    pending.removed.set(key, { type: item.type, name: item.name });
  }

  #pendingOf(layer: LayerKey): Pending {
    const known = this.#pending.get(layer);
    if (known) return known;
    const made: Pending = { set: new Map(), removed: new Map() };
    this.#pending.set(layer, made);
    return made;
  }
}

function keyOf({ type, name }: Item): string {
  return `${type}\n${name}`;
}
