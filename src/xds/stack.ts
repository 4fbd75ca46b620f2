/**
 * One proxy's configuration: its layers, read together, from the widest to its own. Holds no resource; what it answers
 * is the store's newest.
 */
import type { LayerKey } from "../compile/layer.ts";
import type { ResourceType } from "../envoy/resource.ts";
import { emptyItem, type Item } from "./item.ts";
import type { LayerStore } from "./layers.ts";
import type { ItemList, NameList } from "./name_list.ts";

export class Stack {
  readonly #store: LayerStore;
  readonly keys: readonly LayerKey[];
  readonly #members: ReadonlySet<LayerKey>;

  constructor(store: LayerStore, keys: readonly LayerKey[]) {
    this.#store = store;
    this.keys = keys;
    this.#members = new Set(keys);
  }

  has(layer: LayerKey): boolean {
    return this.#members.has(layer);
  }

  /** The last layer that has the name wins; what is asked for and missing is empty, not absent. */
  resolve(type: ResourceType, name: string): Item | undefined {
    for (let i = this.keys.length - 1; i >= 0; i--) {
      const key = this.keys[i];
      const item = key && this.#store.item(key, type, name);
      if (item) return item;
    }
    if (type === "cluster" || type === "listener") return undefined;
    return this.asks(type, name) ? emptyItem(type, name) : undefined;
  }

  /** Whether some resource of the stack names it. */
  asks(type: ResourceType, name: string): boolean {
    return this.keys.some((key) => this.#store.asks(key, type, name));
  }

  /** Every name that some layer has, once. */
  names(type: ResourceType): Set<string> {
    const names = new Set<string>();
    for (const key of this.keys) for (const name of this.#store.names(key, type)) names.add(name);
    return names;
  }

  /** All of a type, as it is now. */
  everything(type: ResourceType): ItemList {
    return this.#store.lists.everything(this.#nameOf(type), () => {
      const items = [...this.names(type)].map((name) => this.resolve(type, name));
      return items.filter((item) => item !== undefined);
    });
  }

  /** What is under the names now. */
  those(type: ResourceType, names: NameList): ItemList {
    return this.#store.lists.those(this.#nameOf(type), names, () => {
      const items: Item[] = [];
      const absent: string[] = [];
      for (const name of names.names) {
        const item = this.resolve(type, name);
        if (item) items.push(item);
        else absent.push(name);
      }
      return { items, absent };
    });
  }

  /** The list of what a request names; undefined: it names something twice. */
  said(names: readonly string[]): NameList | undefined {
    return this.#store.lists.said(names);
  }

  #nameOf(type: ResourceType): string {
    return `${type} ${this.keys.join(" ")}`;
  }

  isEmpty(type: ResourceType): boolean {
    return this.keys.every((key) => this.#store.count(key, type) === 0);
  }
}
