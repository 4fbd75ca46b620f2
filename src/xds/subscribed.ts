/** The names that a stream subscribed to: a list that it shares with others, and what it said apart from that. */
import type { NameList } from "./name_list.ts";

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
