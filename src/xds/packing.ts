/** What goes into one response: a whole list at once, or names one after the other up to its limit. */
import { limits } from "../platform/limits.ts";
import { sliceOf } from "./frame.ts";
import type { Item } from "./item.ts";
import type { ItemList, NameList } from "./name_list.ts";
import type { Step } from "./step.ts";
import type { StreamState } from "./stream_state.ts";
import { type Debt, older, type Parcel, type TypeState } from "./type_state.ts";

/** All that is owed, where that is a list: of none of its names the proxy holds anything. */
export interface Whole {
  /** What it is owed under. */
  readonly names: NameList;
  /** What there is under these names. */
  readonly list: ItemList;
  readonly debt: Debt;
}

export function owedWhole(stream: StreamState, { type, dirty, withheld }: TypeState): Whole | undefined {
  const names = dirty.whole;
  if (!names || withheld.size > 0) return undefined;
  const [debt] = dirty.samples();
  if (!debt || debt.held !== undefined) return undefined;
  return { names, list: stream.stack.those(type, names), debt };
}

/** undefined: it is too much for one response. */
export function parcelOf({ names, list, debt }: Whole): Parcel | undefined {
  if (list.bytes > limits.xdsResponseBytes) return undefined;
  const removed = debt.answer ? list.absent : [];
  return { items: list.items, removed, step: debt.step, list: { names, asks: list.asks } };
}

/** Fills one response up to its limit. */
export class Packing {
  readonly #items: Item[] = [];
  readonly #removed: string[] = [];
  #step: Step | undefined;
  #bytes = 0;

  /** false: full, the name is for the next response. */
  add(name: string, item: Item | undefined, step: Step): boolean {
    const bytes = item ? sliceOf(item).length : name.length;
    if (this.#bytes > 0 && this.#bytes + bytes > limits.xdsResponseBytes) return false;
    this.#bytes += bytes;
    if (item) this.#items.push(item);
    else this.#removed.push(name);
    this.#step = older(this.#step, step);
    return true;
  }

  packed(otherwise: Step): Parcel {
    return { items: this.#items, removed: this.#removed, step: this.#step ?? otherwise };
  }
}
