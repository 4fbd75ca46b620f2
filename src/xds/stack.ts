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

  constructor(store: LayerStore, keys: readonly LayerKey[]) {
    this.#store = store;
    this.keys = keys;
  }

  has(layer: LayerKey): boolean {
    return this.keys.includes(layer);
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
    return this.#everything(type, this.#concerned(type));
  }

  /** What is under the names now. */
  those(type: ResourceType, names: NameList): ItemList {
    return this.#store.lists.those(nameOf(type, this.#concerned(type)), names, () => {
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

  /** Those of the names that `versions` does not have, or not as they are now. */
  stale(type: ResourceType, names: NameList, versions: ReadonlyMap<string, string>): readonly string[] {
    const { items, absent } = this.those(type, names);
    const changed = items.filter(({ resource: { name, version } }) => versions.get(name) !== version);
    return [...changed.map(({ resource }) => resource.name), ...absent];
  }

  /** The list of what a request names; undefined: it is to be taken name by name. */
  asked(names: readonly string[]): NameList | undefined {
    return this.#store.lists.asked(names);
  }

  isEmpty(type: ResourceType): boolean {
    return this.keys.every((key) => this.#store.count(key, type) === 0);
  }

  /** Most stacks differ in layers that say nothing of the type, or only in the last: what is wider, they share. */
  #everything(type: ResourceType, keys: readonly LayerKey[]): ItemList {
    const [last, wider] = [keys.at(-1), keys.slice(0, -1)];
    return this.#store.lists.everything(nameOf(type, keys), () => {
      if (last === undefined) return { wider: undefined, own: [] };
      return { wider: this.#everything(type, wider), own: [...this.#store.items(last, type)] };
    });
  }

  #concerned(type: ResourceType): LayerKey[] {
    return this.keys.filter((key) => this.#store.concerns(key, type));
  }
}

function nameOf(type: ResourceType, keys: readonly LayerKey[]): string {
  return `${type} ${keys.join(" ")}`;
}
