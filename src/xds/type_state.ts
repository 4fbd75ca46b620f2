/**
 * One type's part of one stream: what the proxy asked for, what it is owed, what is on its way, what it refused.
 *
 * What the proxy holds is not stored. It is what its stack says, except for the names it is owed (`dirty`): each debt
 * remembers the version that the proxy holds meanwhile. A stream that is up to date therefore owns nothing but the
 * names it subscribed to.
 */
import type { ResourceType } from "../envoy/resource.ts";
import type { Item } from "./item.ts";
import type { NameList } from "./name_list.ts";
import { NameMap } from "./name_map.ts";
import { reaches, type Step } from "./step.ts";
import { Subscribed } from "./subscribed.ts";

export interface Debt {
  /** The version that the proxy holds; undefined: nothing, or we cannot know. */
  readonly held: string | undefined;
  /** The proxy asked for the name, or waits for it: it gets an answer, even one that changes nothing. */
  readonly answer: boolean;
  /** Oldest step that the debt comes from. */
  readonly step: Step;
}

/** What of a type is on its way, or is to be sent again after a refusal. */
export interface Parcel {
  readonly items: readonly Item[];
  readonly removed: readonly string[];
  readonly step: Step;
  /** Set where the items are all of a list: what it was owed under, and the endpoints that they ask for, if nothing else. */
  readonly list?: { readonly names: NameList; readonly asks: NameList | undefined };
}

export interface InFlight extends Parcel {
  readonly nonce: string;
  readonly version: string;
}

/** A resource that this proxy refused on its own, not in company. It is not sent again until it changes. */
export interface Refusal {
  readonly type: ResourceType;
  readonly name: string;
  readonly version: string;
  /** The proxy's words. */
  readonly because: string;
  readonly step: Step;
  /** The step that made this version. */
  readonly made: Step;
}

export class TypeState {
  readonly type: ResourceType;
  /** Whether the proxy has spoken of this type at all. */
  asked = false;
  wildcard = false;
  /** It asked for all there is and holds none: it waits for a first answer, even for one that says there is nothing. */
  unanswered = false;
  readonly named = new Subscribed();
  readonly dirty = new NameMap<Debt>();
  inFlight: InFlight | undefined;
  /** Parts of a refused response, to be sent again in smaller company. */
  readonly again: Parcel[] = [];
  readonly withheld = new Map<string, Refusal>();
  /** Names that something sent asks for and the proxy has not subscribed to yet: it warms. */
  readonly awaited = new NameMap<Step>();
  /** Last version sent, and last acknowledged or refused. */
  sentVersion = "";
  ackedVersion = "";
  nackedVersion: string | undefined;

  constructor(type: ResourceType) {
    this.type = type;
  }

  wants(name: string): boolean {
    return this.wildcard || this.named.has(name);
  }

  /** Merges a debt into what is owed already: the older step and the greater duty stay. */
  owe(name: string, debt: Debt): void {
    const known = this.dirty.get(name);
    if (!known) this.dirty.set(name, debt);
    else if (debt.answer) this.dirty.set(name, { held: undefined, answer: true, step: older(known.step, debt.step) });
  }

  /** Nothing waits to be sent. */
  get quiet(): boolean {
    return this.dirty.size === 0 && this.again.length === 0 && !this.unanswered;
  }

  /** Nothing is on its way or waits to be sent again. */
  get idle(): boolean {
    return this.inFlight === undefined && this.again.length === 0;
  }

  /** The oldest step that something of this type is still owed from. */
  oldest(): Step | undefined {
    // Word that there is nothing changes nothing that the proxy holds.
    let step = this.inFlight && !isEmpty(this.inFlight) ? this.inFlight.step : undefined;
    for (const parcel of this.again) step = older(step, parcel.step);
    for (const debt of this.dirty.samples()) step = older(step, debt.step);
    for (const awaited of this.awaited.samples()) step = older(step, awaited);
    return step;
  }
}

export function isEmpty({ items, removed }: Parcel): boolean {
  return items.length === 0 && removed.length === 0;
}

export function older(a: Step | undefined, b: Step): Step {
  return a !== undefined && reaches(b.before, a.before) ? a : b;
}

/** Company of at most this many is broken up at once; more is first cut in about the square root of its number. */
const singlyBelow = 32;

/**
 * What is sent again after a refusal: the resources in smaller company, singly in at most three rounds however many there
 * were, and what is absent on its own. One resource that was refused alone is not sent again.
 */
export function apart({ items, removed, step }: Parcel): Parcel[] {
  const size = items.length <= singlyBelow ? 1 : Math.ceil(Math.sqrt(items.length));
  const parcels: Parcel[] = [];
  for (let at = 0; items.length > 1 && at < items.length; at += size) {
    parcels.push({ items: items.slice(at, at + size), removed: [], step });
  }
  if (removed.length > 0) parcels.push({ items: [], removed, step });
  return parcels;
}

export type Due =
  | { readonly kind: "settled" }
  | { readonly kind: "set"; readonly item: Item }
  /** Asked for, and there is no such resource: say so. */
  | { readonly kind: "absent" }
  | { readonly kind: "remove" };

/** What a debt comes to, given what the stack has now. */
export function dueFor(debt: Debt, item: Item | undefined, withheld: Refusal | undefined): Due {
  if (item) {
    const { version } = item.resource;
    const known = version === debt.held || version === withheld?.version;
    return known && !debt.answer ? { kind: "settled" } : { kind: "set", item };
  }
  if (debt.answer) return { kind: "absent" };
  return debt.held === undefined ? { kind: "settled" } : { kind: "remove" };
}
