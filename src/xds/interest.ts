/**
 * Subscriptions of a delta stream, by the rules of the xDS protocol (Envoy, xds_protocol, "Incremental xDS"):
 * - A first request for clusters or listeners without names means all of them, as does the name "*" at any time.
 * - The first request of a type says what the client holds from an earlier stream (`initial_resource_versions`).
 * - A name asked for is answered, even if the client was told before: it may have forgotten. Only what it says that it
 *   holds, on a type's first request, needs no answer; of what is still so, nothing is owed at all.
 * - A name dropped while all are wanted is answered too, since the client cannot know whether it is among all.
 */
import type { ResourceType } from "../envoy/resource.ts";
import { limits } from "../platform/limits.ts";
import type { NameList } from "./name_list.ts";
import type { NameMap } from "./name_map.ts";
import type { DeltaRequest } from "./request.ts";
import type { Step } from "./step.ts";
import { joinGeneration, type StreamState } from "./stream_state.ts";
import { older, type TypeState } from "./type_state.ts";

/** Where interest is noted, so that changes find the stream (subscription.ts). */
export interface InterestPort {
  addName(type: ResourceType, name: string): void;
  removeName(type: ResourceType, name: string): void;
  /** Stays until the stream ends, whatever of the list is dropped. */
  addNames(type: ResourceType, names: NameList): void;
  addWildcard(type: ResourceType): void;
  removeWildcard(type: ResourceType): void;
}

/** The proxy broke a limit or the protocol: its stream ends with this. */
export interface Violation {
  readonly code: "resource-exhausted" | "invalid-argument";
  readonly because: string;
}

interface Context {
  readonly stream: StreamState;
  readonly state: TypeState;
  readonly port: InterestPort;
  readonly versions: ReadonlyMap<string, string>;
  readonly first: boolean;
  readonly step: Step;
}

const everything = "*";

export function takeInterest(
  stream: StreamState,
  type: ResourceType,
  request: DeltaRequest,
  { port, step }: { readonly port: InterestPort; readonly step: Step },
): Violation | undefined {
  const state = stream.types[type];
  const first = !state.asked;
  state.asked = true;
  const context: Context = { stream, state, port, versions: request.initialVersions, first, step };
  const legacyWildcard = first && request.subscribe.length === 0 && (type === "cluster" || type === "listener");
  if (legacyWildcard || request.subscribe.includes(everything)) wantAll(context);
  if (!wantTogether(context, request.subscribe)) {
    for (const name of request.subscribe) if (name !== everything) want(context, name);
  }
  for (const name of request.unsubscribe) {
    if (name === everything) dropAll(context);
    else drop(context, name);
  }
  if (state.named.size <= limits.xdsSubscribedNames) return undefined;
  const because = `more than ${limits.xdsSubscribedNames} names subscribed in ${type}`;
  return { code: "resource-exhausted", because };
}

function wantAll({ stream, state, port, versions, first, step }: Context): void {
  if (state.wildcard) return;
  state.wildcard = true;
  state.unanswered = first && versions.size === 0;
  port.addWildcard(state.type);
  const since = first ? stream.birth : step;
  if (first && versions.size === 0 && owesNothing(state) && !stream.generation) {
    state.dirty.fill(stream.stack.everything(state.type), { held: undefined, answer: false, step: since });
    return;
  }
  const all = stream.stack.everything(state.type);
  const owed = first ? stream.stack.stale(state.type, all, versions) : all.names;
  const gone = first ? [...versions.keys()].filter((name) => !all.has(name)) : [];
  for (const name of [...owed, ...gone]) {
    if (state.named.has(name)) continue;
    state.owe(name, { held: first ? versions.get(name) : undefined, answer: false, step: since });
    joinGeneration(stream, state, name);
  }
}

/**
 * A stream that begins asks for what its clusters named, all at once: it shares that list with others that say the same.
 * So does one that moves here with what it holds; it is owed what of that is not so any more.
 */
function wantTogether(context: Context, asked: readonly string[]): boolean {
  const { stream, state, port, versions, first } = context;
  const begins = first && state.type === "endpoints" && !state.wildcard && owesNothing(state);
  if (!begins || asked.length === 0 || asked.includes(everything)) return false;
  const names = stream.stack.asked(asked);
  if (!names || !meansTheSame(names, state.awaited, versions)) return false;
  state.named.share(names);
  port.addNames(state.type, names);
  if (versions.size > 0) {
    for (const name of stream.stack.stale(state.type, names, versions)) {
      const held = versions.get(name);
      state.owe(name, { held, answer: held === undefined, step: stream.birth });
    }
    return true;
  }
  let step = state.awaited.size === names.size ? undefined : stream.birth;
  for (const since of state.awaited.samples()) step = older(step, since);
  state.awaited.clear();
  state.dirty.fill(names, { held: undefined, answer: true, step: step ?? stream.birth });
  stream.generation?.follows[state.type].turn(names, "awaited", "owed");
  return true;
}

/** What is awaited is sent even to a proxy that has it: where that is some of the names, not all, each is for itself. */
function meansTheSame(names: NameList, awaited: NameMap<Step>, versions: ReadonlyMap<string, string>): boolean {
  if (versions.size > 0) return [...awaited.keys()].every((name) => !names.has(name));
  return awaited.size === 0 || (awaited.whole !== undefined && names.covers(awaited.whole));
}

function owesNothing({ named, dirty, withheld }: TypeState): boolean {
  return named.size === 0 && dirty.size === 0 && withheld.size === 0;
}

function want({ stream, state, port, versions, first, step }: Context, asked: string): void {
  // The store's own string, so that a thousand streams that name a thing share one.
  const item = stream.stack.resolve(state.type, asked);
  const name = item?.resource.name ?? asked;
  if (!state.named.has(name) && state.named.add(name)) port.addName(state.type, name);
  const awaited = state.awaited.get(name);
  state.awaited.delete(name);
  state.withheld.delete(name);
  const follows = stream.generation?.follows[state.type];
  if (follows?.get(name) === "awaited") follows.set(name, "owed");
  // What a changed cluster waits for is sent even to a client that has it.
  const held = first && awaited === undefined ? versions.get(name) : undefined;
  if (state.wildcard && first && held !== undefined) return;
  if (held !== undefined && held === item?.resource.version) return;
  state.owe(name, { held, answer: held === undefined, step: awaited ?? (first ? stream.birth : step) });
  joinGeneration(stream, state, name);
}

function drop({ stream, state, port, step }: Context, name: string): void {
  const was = state.named.delete(name);
  if (was === undefined) return;
  if (was === "own") port.removeName(state.type, name);
  if (state.wildcard) {
    state.owe(name, { held: undefined, answer: true, step });
    return;
  }
  forget(stream, state, name);
  const follows = stream.generation?.follows[state.type];
  if (!follows?.has(name)) return;
  follows.delete(name);
  // Envoy may drop and ask again in two messages; what asked for the name goes on warming until it does.
  if (!stream.stack.asks(state.type, name)) return;
  follows.set(name, "awaited");
  state.awaited.set(name, step);
}

function dropAll({ stream, state, port }: Context): void {
  if (!state.wildcard) return;
  state.wildcard = false;
  port.removeWildcard(state.type);
  const owed = [...state.dirty.keys(), ...state.withheld.keys()];
  const pinned = stream.generation ? [...stream.generation.sets[state.type].keys()] : [];
  const removed = stream.generation ? [...stream.generation.removals[state.type].keys()] : [];
  for (const name of [...owed, ...pinned, ...removed]) if (!state.named.has(name)) forget(stream, state, name);
}

function forget(stream: StreamState, state: TypeState, name: string): void {
  state.dirty.delete(name);
  state.withheld.delete(name);
  stream.generation?.sets[state.type].delete(name);
  stream.generation?.removals[state.type].delete(name);
}
