/**
 * What stacks of the same layers have in common, worked out once: all of a type, or what is under a list of names. True
 * until the layers change; then it is forgotten, and what was given out stays what it was.
 */
import { keepNewest } from "../platform/keep_newest.ts";
import { limits } from "../platform/limits.ts";
import { sliceOf } from "./frame.ts";
import type { Item } from "./item.ts";
import { ItemList, NameList } from "./name_list.ts";

const nothing = new NameList([]);

interface Found {
  readonly items: readonly Item[];
  readonly absent: readonly string[];
}

export class SharedLists {
  readonly #lists = new Map<string, ItemList>();
  /** What the newest list under a key asked for. Clusters change more often than the names that they ask for. */
  readonly #asks = new Map<string, NameList>();
  readonly #said = new WeakMap<readonly string[], NameList>();
  readonly #numbers = new WeakMap<NameList, number>();
  #numbered = 0;

  /** The list of what a request names, one for one array; undefined: it names something twice. */
  said(names: readonly string[]): NameList | undefined {
    const known = this.#said.get(names);
    if (known) return known;
    if (new Set(names).size < names.length) return undefined;
    const list = new NameList(names);
    this.#said.set(names, list);
    return list;
  }

  /** All of a type. @param of the stack and the type. */
  everything(of: string, find: () => readonly Item[]): ItemList {
    return this.#found(of, () => ({ items: find(), absent: [] }));
  }

  /** What is under the names, in their order. */
  those(of: string, names: NameList, find: () => Found): ItemList {
    const all = this.#lists.get(of);
    return all === names ? all : this.#found(`${of} ${this.#numberOf(names)}`, find);
  }

  forget(): void {
    this.#lists.clear();
  }

  #found(key: string, find: () => Found): ItemList {
    const known = this.#lists.get(key);
    if (known) return known;
    const { items, absent } = find();
    const sum = items.reduce((bytes, item) => bytes + sliceOf(item).length, 0);
    const bytes = absent.reduce((all, name) => all + name.length, sum);
    const list = new ItemList({ items, absent, bytes, asks: this.#asksOf(key, items) });
    this.#lists.set(key, list);
    keepNewest(this.#lists, limits.xdsSharedLists);
    return list;
  }

  #numberOf(names: NameList): number {
    const known = this.#numbers.get(names);
    if (known !== undefined) return known;
    this.#numbers.set(names, ++this.#numbered);
    return this.#numbered;
  }

  #asksOf(key: string, items: readonly Item[]): NameList | undefined {
    const names = new Set<string>();
    for (const { resource } of items) {
      for (const { type, name } of resource.asksFor) {
        if (type !== "endpoints") return undefined;
        names.add(name);
      }
    }
    if (names.size === 0) return nothing;
    const before = this.#asks.get(key);
    const asks = new NameList([...names]);
    if (before?.size === asks.size && before.covers(asks)) return before;
    this.#asks.set(key, asks);
    keepNewest(this.#asks, limits.xdsSharedLists);
    return asks;
  }
}
