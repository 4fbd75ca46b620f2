/** Lists of names that many streams share: proxies that see the same mesh say and are told the same thousand names. */
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

  /** Whether these are its names, in whatever order: a proxy says what it holds in the order of a map. */
  isOf(names: readonly string[]): boolean {
    if (names.length !== this.size) return false;
    const seen = new Uint8Array(this.size);
    return names.every((name) => {
      const place = this.placeOf(name);
      if (place === undefined || seen[place] === 1) return false;
      seen[place] = 1;
      return true;
    });
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
