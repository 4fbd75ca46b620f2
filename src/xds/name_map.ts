/**
 * A map from names that holds a shared list at the price of one entry. As long as all of the list mean the same to a
 * stream it is the list; as soon as one means something else it becomes an ordinary map.
 */
import type { NameList } from "./name_list.ts";

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
    if (!this.has(name)) return false;
    // Not the map's own way to become empty: see Rounds on tables that refer to each other.
    if (this.size === 1) this.clear();
    else this.#singly().delete(name);
    return true;
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
