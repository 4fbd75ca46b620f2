/**
 * Who is concerned by a change: resource → streams. A name in a type leads to the streams that named it, a layer and a
 * type to the streams that take all of it, so a change costs what it touches and nothing else.
 *
 * A stream is a bit: when a node dies, hundreds of streams come at once with a thousand names each, and must be noted
 * under every one.
 */
import type { LayerKey } from "../compile/layer.ts";
import type { ResourceType } from "../envoy/resource.ts";
import type { NameList } from "./name_list.ts";
import type { Subscribed } from "./subscribed.ts";
import { perType } from "./type_url.ts";

export interface Subscriber {
  /** Whether the layer is in its stack. */
  sees(layer: LayerKey): boolean;
}

type Noted<K> = Readonly<Record<ResourceType, Map<K, Slots>>>;

export class SubscriptionIndex<S extends Subscriber> {
  readonly #named: Noted<string> = perType(() => new Map());
  readonly #wildcard: Noted<LayerKey> = perType(() => new Map());
  readonly #lists: Readonly<Record<ResourceType, Lists>> = perType(() => new Lists());
  readonly #seats = new Seats<S>();

  addName(type: ResourceType, name: string, stream: S): void {
    this.#add(this.#named[type], name, stream);
  }

  removeName(type: ResourceType, name: string, stream: S): void {
    this.#remove(this.#named[type], name, stream);
  }

  addNames(type: ResourceType, names: NameList, stream: S): void {
    const slot = this.#seats.of(stream);
    if (this.#lists[type].of(names).add(slot)) this.#seats.hold(slot);
  }

  /** All that a stream subscribed to by name. */
  removeSubscribed(type: ResourceType, { list, own }: Subscribed, stream: S): void {
    for (const name of own) this.removeName(type, name, stream);
    const slot = this.#seats.find(stream);
    if (list && slot !== undefined && this.#lists[type].remove(list, slot)) this.#seats.release(slot);
  }

  addWildcard(type: ResourceType, layers: readonly LayerKey[], stream: S): void {
    for (const layer of layers) this.#add(this.#wildcard[type], layer, stream);
  }

  removeWildcard(type: ResourceType, layers: readonly LayerKey[], stream: S): void {
    for (const layer of layers) this.#remove(this.#wildcard[type], layer, stream);
  }

  /** A stream that both named the resource and takes all of the layer is visited twice. */
  concerned(layer: LayerKey, type: ResourceType, name: string, visit: (stream: S) => void): void {
    this.#wildcard[type].get(layer)?.each((slot) => visit(this.#seats.at(slot)));
    const visitNamed = (slot: number): void => {
      const stream = this.#seats.at(slot);
      if (stream.sees(layer)) visit(stream);
    };
    this.#named[type].get(name)?.each(visitNamed);
    for (const slots of this.#lists[type].having(name)) slots.each(visitNamed);
  }

  #add<K>(index: Map<K, Slots>, key: K, stream: S): void {
    let slots = index.get(key);
    if (!slots) {
      slots = new Slots();
      index.set(key, slots);
    }
    const slot = this.#seats.of(stream);
    if (slots.add(slot)) this.#seats.hold(slot);
  }

  #remove<K>(index: Map<K, Slots>, key: K, stream: S): void {
    const slots = index.get(key);
    const slot = this.#seats.find(stream);
    if (!slots || slot === undefined || !slots.delete(slot)) return;
    if (slots.size === 0) index.delete(key);
    this.#seats.release(slot);
  }
}

/** Who subscribed to a whole list at once: one note for each stream, not one for each name. */
class Lists {
  readonly #slots = new Map<NameList, Slots>();
  readonly #having = new Map<string, Set<Slots>>();

  of(list: NameList): Slots {
    const known = this.#slots.get(list);
    if (known) return known;
    const slots = new Slots();
    this.#slots.set(list, slots);
    for (const name of list.names) {
      const having = this.#having.get(name);
      if (having) having.add(slots);
      else this.#having.set(name, new Set([slots]));
    }
    return slots;
  }

  /** false: it was not there. */
  remove(list: NameList, slot: number): boolean {
    const slots = this.#slots.get(list);
    if (!slots?.delete(slot)) return false;
    if (slots.size > 0) return true;
    this.#slots.delete(list);
    for (const name of list.names) {
      const having = this.#having.get(name);
      having?.delete(slots);
      if (having?.size === 0) this.#having.delete(name);
    }
    return true;
  }

  having(name: string): Iterable<Slots> {
    return this.#having.get(name) ?? [];
  }
}

/** A number for each stream that is noted anywhere: small, and used again. */
class Seats<S> {
  readonly #streams: (S | undefined)[] = [];
  /** How often each is noted. */
  readonly #notes: number[] = [];
  readonly #slots = new Map<S, number>();
  readonly #free: number[] = [];
  // A thousand names of one stream come one after another.
  #last: { readonly stream: S; readonly slot: number } | undefined;

  of(stream: S): number {
    const known = this.find(stream);
    if (known !== undefined) return known;
    const slot = this.#free.pop() ?? this.#streams.length;
    this.#streams[slot] = stream;
    this.#notes[slot] = 0;
    this.#slots.set(stream, slot);
    this.#last = { stream, slot };
    return slot;
  }

  find(stream: S): number | undefined {
    if (this.#last?.stream === stream) return this.#last.slot;
    const slot = this.#slots.get(stream);
    if (slot !== undefined) this.#last = { stream, slot };
    return slot;
  }

  at(slot: number): S {
    const stream = this.#streams[slot];
    if (stream === undefined) throw new Error(`nobody has slot ${slot}`);
    return stream;
  }

  hold(slot: number): void {
    this.#notes[slot] = (this.#notes[slot] ?? 0) + 1;
  }

  /** Who is noted nowhere any more gives its number back. */
  release(slot: number): void {
    const left = (this.#notes[slot] ?? 0) - 1;
    this.#notes[slot] = left;
    if (left > 0) return;
    this.#slots.delete(this.at(slot));
    this.#streams[slot] = undefined;
    this.#free.push(slot);
    this.#last = undefined;
  }
}

/** A set of small numbers. */
class Slots {
  size = 0;
  #words = new Uint32Array(1);

  /** false: it was there. */
  add(slot: number): boolean {
    const at = slot >>> 5;
    if (at >= this.#words.length) this.#grow(at + 1);
    const word = this.#words[at] ?? 0;
    const bit = 1 << (slot & 31);
    if ((word & bit) !== 0) return false;
    this.#words[at] = word | bit;
    this.size++;
    return true;
  }

  delete(slot: number): boolean {
    const at = slot >>> 5;
    const word = this.#words[at] ?? 0;
    const bit = 1 << (slot & 31);
    if ((word & bit) === 0) return false;
    this.#words[at] = word & ~bit;
    this.size--;
    return true;
  }

  /** What is added or deleted meanwhile may be visited or not. */
  each(visit: (slot: number) => void): void {
    for (let at = 0; at < this.#words.length; at++) {
      for (let word = this.#words[at] ?? 0; word !== 0; word &= word - 1) {
        visit(at * 32 + 31 - Math.clz32(word & -word));
      }
    }
  }

  #grow(words: number): void {
    const grown = new Uint32Array(Math.max(words, 2 * this.#words.length));
    grown.set(this.#words);
    this.#words = grown;
  }
}
