/**
 * What stacks of the same layers have in common, worked out once: all of a type, or what is under a list of names. True
 * until the layers change; then it is forgotten, and what was given out stays what it was.
 */
import { keepNewest, newest } from "../platform/keep_newest.ts";
import { limits } from "../platform/limits.ts";
import { sliceOf } from "./frame.ts";
import type { Item } from "./item.ts";
import { ItemList, NameList } from "./name_list.ts";

const nothing = new NameList([]);
const most = limits.xdsSharedLists;

interface Found {
  readonly items: readonly Item[];
  readonly absent: readonly string[];
}

interface Layered {
  readonly wider: ItemList | undefined;
  readonly own: readonly Item[];
}

export class SharedLists {
  readonly #lists = new Map<string, ItemList>();
  /** What lists asked for, the newest last. Clusters change, and differ between stacks, more often than the names in them. */
  readonly #asks = new Set<NameList>();
  readonly #numbers = new WeakMap<object, number>();
  #numbered = 0;

  /** The list of just these names, if clusters asked for them. */
  asked(names: readonly string[]): NameList | undefined {
    for (const asks of this.#asks) if (asks.isOf(names)) return asks;
    return undefined;
  }

  /** All of a type. @param find what the last layer has of it, and what all the wider ones have. */
  everything(of: string, find: () => Layered): ItemList {
    return newest(this.#lists, of, { most, make: () => this.#joined(find()) });
  }

  /** What is under the names, in their order. */
  those(of: string, names: NameList, find: () => Found): ItemList {
    const all = this.#lists.get(of);
    return all === names
      ? all
      : newest(this.#lists, `${of} ${this.#numberOf(names)}`, { most, make: () => this.#listOf(find()) });
  }

  forget(): void {
    this.#lists.clear();
  }

  /** A name in the last layer hides the same name in a wider one. */
  #joined({ wider, own }: Layered): ItemList {
    if (!wider || own.some(({ resource }) => wider.has(resource.name))) {
      const names = new Set(own.map(({ resource }) => resource.name));
      const shown = (wider?.items ?? []).filter(({ resource }) => !names.has(resource.name));
      return this.#listOf({ items: [...shown, ...own], absent: [] });
    }
    if (own.some(({ resource }) => resource.asksFor.length > 0)) {
      return this.#listOf({ items: [...wider.items, ...own], absent: [] });
    }
    const bytes = wider.bytes + bytesOf(own);
    return new ItemList({ items: [...wider.items, ...own], absent: [], bytes, asks: wider.asks });
  }

  #listOf({ items, absent }: Found): ItemList {
    const bytes = absent.reduce((all, name) => all + name.length, bytesOf(items));
    return new ItemList({ items, absent, bytes, asks: this.#asksOf(items) });
  }

  #numberOf(shared: object): number {
    const known = this.#numbers.get(shared);
    if (known !== undefined) return known;
    this.#numbers.set(shared, ++this.#numbered);
    return this.#numbered;
  }

  #asksOf(items: readonly Item[]): NameList | undefined {
    const names = new Set<string>();
    for (const { resource } of items) {
      for (const { type, name } of resource.asksFor) {
        if (type !== "endpoints") return undefined;
        names.add(name);
      }
    }
    if (names.size === 0) return nothing;
    for (const before of this.#asks) {
      if (before.size === names.size && before.names.every((name) => names.has(name))) return before;
    }
    const asks = new NameList([...names]);
    this.#asks.add(asks);
    keepNewest(this.#asks, limits.xdsSharedAsks);
    return asks;
  }
}

function bytesOf(items: readonly Item[]): number {
  return items.reduce((bytes, item) => bytes + sliceOf(item).length, 0);
}
