/**
 * Lists of names that many streams share, and maps that hold such a list at the price of one entry. Proxies that see the
 * same mesh say and are told the same thousand names: as long as all of a list mean the same to a stream, the stream
 * notes the list; as soon as one means something else, the map becomes an ordinary one.
 */
import type { Item } from "./item.ts";

export class NameList {
  readonly names: readonly string[];
  #places: ReadonlyMap<string, number> | undefined;
  readonly #covers = new WeakMap<NameList, boolean>();

  /** @param names each once. */
  constructor(names: readonly string[]) {
    this.names = names;
  }

  get size(): number {
    return this.names.length;
  }

  has(name: string): boolean {
    return this.placeOf(name) !== undefined;
  }

  placeOf(name: string): number | undefined {
    this.#places ??= new Map(this.names.map((one, place) => [one, place]));
    return this.#places.get(name);
  }

  /** Whether all names of the other are here. */
  covers(other: NameList): boolean {
    if (other === this) return true;
    const known = this.#covers.get(other);
    if (known !== undefined) return known;
    const covers = other.size <= this.size && other.names.every((name) => this.has(name));
    this.#covers.set(other, covers);
    return covers;
  }
}

/** What a stack has under the names of a list, at one step. */
export class ItemList extends NameList {
  readonly items: readonly Item[];
  /** Names under which there is nothing. */
  readonly absent: readonly string[];
  /** Of a response that carries them all. */
  readonly bytes: number;
  /** Names of the endpoints that they ask for; undefined: they ask for other things too. */
  readonly asks: NameList | undefined;

  constructor(found: Pick<ItemList, "items" | "absent" | "bytes" | "asks">) {
    super(found.items.map(({ resource }) => resource.name));
    this.items = found.items;
    this.absent = found.absent;
    this.bytes = found.bytes;
    this.asks = found.asks;
  }
}

type Whole<V> =
  | { readonly list: NameList; readonly same: V }
  | { readonly list: NameList; readonly each: (place: number) => V };

function valueAt<V>(whole: Whole<V>, place: number): V {
  return "each" in whole ? whole.each(place) : whole.same;
}

export class NameMap<V> {
  #whole: Whole<V> | undefined;
  #own: Map<string, V> | undefined;

  get size(): number {
    return this.#whole?.list.size ?? this.#own?.size ?? 0;
  }

  /** The list that this is, if it is one. */
  get whole(): NameList | undefined {
    return this.#whole?.list;
  }

  has(name: string): boolean {
    return this.#whole ? this.#whole.list.has(name) : (this.#own?.has(name) ?? false);
  }

  get(name: string): V | undefined {
    if (!this.#whole) return this.#own?.get(name);
    const place = this.#whole.list.placeOf(name);
    return place === undefined ? undefined : valueAt(this.#whole, place);
  }

  set(name: string, value: V): void {
    this.#singly().set(name, value);
  }

  delete(name: string): boolean {
    return this.has(name) && this.#singly().delete(name);
  }

  clear(): void {
    this.#whole = undefined;
    this.#own = undefined;
  }

  /** Takes the place of what was there: `same` under every name of the list. */
  fill(list: NameList, same: V): void {
    this.clear();
    if (list.size > 0) this.#whole = { list, same };
  }

  /** As `fill`, with a value for each place in the list. */
  fillEach(list: NameList, each: (place: number) => V): void {
    this.clear();
    if (list.size > 0) this.#whole = { list, each };
  }

  /** Where a name of the list has the value `from`, it has `to` from now on; undefined: nothing. */
  turn(list: NameList, from: V, to: V | undefined): void {
    const whole = this.#whole;
    if (whole && "same" in whole && list.covers(whole.list)) {
      if (whole.same !== from) return;
      if (to === undefined) this.clear();
      else this.fill(whole.list, to);
      return;
    }
    if (this.size === 0) return;
    for (const name of list.names) {
      if (this.get(name) !== from) continue;
      if (to === undefined) this.delete(name);
      else this.set(name, to);
    }
  }

  keys(): Iterable<string> {
    return this.#whole?.list.names ?? this.#own?.keys() ?? [];
  }

  /** Of a whole list, the first stands for all. */
  *samples(): Iterable<V> {
    if (this.#whole) yield valueAt(this.#whole, 0);
    else if (this.#own) yield* this.#own.values();
  }

  [Symbol.iterator](): IterableIterator<[string, V]> {
    return this.#singly()[Symbol.iterator]();
  }

  #singly(): Map<string, V> {
    const whole = this.#whole;
    this.#own ??= new Map(whole?.list.names.map((name, place) => [name, valueAt(whole, place)]));
    this.#whole = undefined;
    return this.#own;
  }
}

/** The names that a stream subscribed to: a list it shares with others, and what it said apart from that. */
export class Subscribed {
  #list: NameList | undefined;
  /** Of the list. */
  #dropped: Set<string> | undefined;
  #own: Set<string> | undefined;

  get size(): number {
    return (this.#list?.size ?? 0) - (this.#dropped?.size ?? 0) + (this.#own?.size ?? 0);
  }

  get list(): NameList | undefined {
    return this.#list;
  }

  get own(): Iterable<string> {
    return this.#own ?? [];
  }

  has(name: string): boolean {
    return this.#own?.has(name) || this.#isShared(name);
  }

  /** Only while there is nothing. */
  share(list: NameList): void {
    this.#list = list;
  }

  /** @returns whether it is of no list, so that it has to be noted by itself. */
  add(name: string): boolean {
    if (this.#list?.has(name)) {
      this.#dropped?.delete(name);
      return false;
    }
    this.#own ??= new Set();
    this.#own.add(name);
    return true;
  }

  /** @returns undefined: it was not there. */
  delete(name: string): "own" | "shared" | undefined {
    if (this.#own?.delete(name)) return "own";
    if (!this.#isShared(name)) return undefined;
    this.#dropped ??= new Set();
    this.#dropped.add(name);
    return "shared";
  }

  *[Symbol.iterator](): Iterator<string> {
    for (const name of this.#list?.names ?? []) if (!this.#dropped?.has(name)) yield name;
    yield* this.own;
  }

  #isShared(name: string): boolean {
    return (this.#list?.has(name) ?? false) && !this.#dropped?.has(name);
  }
}
