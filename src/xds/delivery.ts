/**
 * What goes out next on one stream, and what an answer to it means. Plain rules over StreamState; the order of the
 * phases stands in generation.ts.
 */

import type { ResourceType } from "../envoy/resource.ts";
import type { DeltaResponse } from "./frame.ts";
import { Generation, phases } from "./generation.ts";
import { ItemList } from "./name_list.ts";
import { owedWhole, Packing, parcelOf } from "./packing.ts";
import { type Step, withoutTime } from "./step.ts";
import type { StreamState } from "./stream_state.ts";
import { apart, type Debt, dueFor, isEmpty, older, type Parcel, type Refusal, type TypeState } from "./type_state.ts";
import { resourceTypes, typeUrls } from "./type_url.ts";

/** There is nothing to be sent, whatever the proxy has answered. */
export function isQuiet({ types, generation }: StreamState): boolean {
  return (
    generation === undefined &&
    types.cluster.quiet &&
    types.endpoints.quiet &&
    types.listener.quiet &&
    types.route.quiet
  );
}

/** As after most changes: then nothing is pinned, and what is on its way goes before what is owed. */
function owesEndpointsAlone({ types, generation }: StreamState): boolean {
  const { cluster, endpoints, listener, route } = types;
  return (
    generation === undefined &&
    cluster.quiet &&
    listener.quiet &&
    route.quiet &&
    !endpoints.unanswered &&
    endpoints.again.length === 0
  );
}

/**
 * Changed endpoints of clusters that the proxy holds, and nothing else: it goes on with the old ones meanwhile. Told by the
 * first of them, as it is asked at each answer and there may be a thousand.
 */
export function owesChangedEndpointsAlone(stream: StreamState): boolean {
  if (!owesEndpointsAlone(stream)) return false;
  const [first] = stream.types.endpoints.dirty.samples();
  return first !== undefined && !first.answer;
}

/** Everything that can be sent now. `current` is the layers' newest step. */
export function deliver(stream: StreamState, current: Step): DeltaResponse[] {
  const out: DeltaResponse[] = [];
  if (owesEndpointsAlone(stream)) {
    const { endpoints } = stream.types;
    if (endpoints.inFlight) return out;
    sendEndpoints(stream, current, out);
    if (endpoints.dirty.size === 0) return out;
  }
  for (const type of resourceTypes) sendAgain(stream, stream.types[type], current, out);
  for (;;) {
    stream.generation ??= begin(stream, current);
    if (!stream.generation || !progress(stream, stream.generation, out)) break;
    stream.generation = undefined;
    forgetUnasked(stream);
  }
  sendEndpoints(stream, current, out);
  for (const type of resourceTypes) sendNothing(stream, stream.types[type], current, out);
  return out;
}

/** Who asked for all there is, where there is nothing, waits until it is told so. */
function sendNothing(stream: StreamState, state: TypeState, current: Step, out: DeltaResponse[]): void {
  if (!state.unanswered || !state.idle || state.dirty.size > 0) return;
  if ((stream.generation?.sets[state.type].size ?? 0) > 0) return;
  respond(stream, state, { items: [], removed: [], step: withoutTime(current) }, { version: current.version, out });
}

/** Nothing warms any more for a name whose asker is gone, though the proxy never subscribed to it. */
function forgetUnasked(stream: StreamState): void {
  for (const type of resourceTypes) {
    const { awaited } = stream.types[type];
    for (const name of awaited.keys()) if (!stream.stack.asks(type, name)) awaited.delete(name);
  }
}

/** Pins what is owed into a new generation; undefined: nothing is, but for endpoints that overtake. */
function begin(stream: StreamState, current: Step): Generation | undefined {
  let generation: Generation | undefined;
  for (const type of resourceTypes) {
    const state = stream.types[type];
    if (state.dirty.size === 0 || isStuck(stream, type)) continue;
    const whole = type === "endpoints" ? undefined : owedWhole(stream, state);
    if (whole?.list.absent.length === 0) {
      generation ??= newGeneration(stream, current);
      const { debt, list } = whole;
      generation.sets[type].fillEach(list, (place) => ({ item: list.items[place], debt }));
      state.dirty.clear();
      continue;
    }
    for (const [name, debt] of state.dirty) {
      if (type === "endpoints" && debt.answer) continue;
      const item = stream.stack.resolve(type, name);
      const due = dueFor(debt, item, state.withheld.get(name));
      if (type === "endpoints" && due.kind === "set") continue;
      state.dirty.delete(name);
      if (due.kind === "settled") continue;
      // Most changes are of endpoints and need none.
      generation ??= newGeneration(stream, current);
      if (due.kind === "remove") generation.removals[type].set(name, debt);
      else generation.sets[type].set(name, { item, debt });
    }
  }
  return generation;
}

function newGeneration(stream: StreamState, current: Step): Generation {
  stream.stuck = new Set([...stream.stuck].filter((type) => isStuck(stream, type)));
  return new Generation(++stream.generations, current, stream.stuck);
}

/** It held up a generation that was abandoned, and has not moved since. */
function isStuck(stream: StreamState, type: ResourceType): boolean {
  const state = stream.types[type];
  return stream.stuck.has(type) && (!state.idle || state.awaited.size > 0);
}

/** Sends what its phase allows; true when the last phase has ended. */
function progress(stream: StreamState, generation: Generation, out: DeltaResponse[]): boolean {
  for (; generation.phase < phases.length; generation.phase++) {
    const phase = phases[generation.phase];
    if (!phase || generation.excused.has(phase.type)) continue;
    const state = stream.types[phase.type];
    if (phase.kind === "remove") {
      sendRemovals(stream, generation, state, out);
      if (generation.removals[phase.type].size > 0) return false;
      // Endpoints may be on their way for reasons of their own; nobody waits for a removal of endpoints.
      if (phase.type !== "endpoints" && !state.idle) return false;
    } else if (phase.type === "endpoints") {
      if (generation.follows.endpoints.size > 0) return false;
    } else {
      sendSets(stream, generation, state, out);
      const waits = generation.sets[phase.type].size > 0 || generation.follows[phase.type].size > 0;
      if (waits || !state.idle) return false;
    }
  }
  return true;
}

function sendSets(stream: StreamState, generation: Generation, state: TypeState, out: DeltaResponse[]): void {
  const pinned = generation.sets[state.type];
  if (pinned.size === 0 || !state.idle) return;
  const list = pinned.whole;
  const [first] = pinned.samples();
  const whole = first && list instanceof ItemList ? parcelOf({ names: list, list, debt: first.debt }) : undefined;
  if (whole) {
    pinned.clear();
    send(stream, state, whole, { version: generation.step.version, out });
    return;
  }
  const parcel = new Packing();
  for (const [name, { item, debt }] of pinned) {
    if (!parcel.add(name, item, debt.step)) break;
    pinned.delete(name);
  }
  send(stream, state, parcel.packed(generation.step), { version: generation.step.version, out });
}

function sendRemovals(stream: StreamState, generation: Generation, state: TypeState, out: DeltaResponse[]): void {
  const pending = generation.removals[state.type];
  if (pending.size === 0 || !state.idle) return;
  const parcel = new Packing();
  for (const [name, debt] of pending) {
    pending.delete(name);
    if (stream.stack.resolve(state.type, name) === undefined) parcel.add(name, undefined, debt.step);
    else putBack(state, name, debt); // It has come back: the next generation brings it, unless it is what it was.
  }
  send(stream, state, parcel.packed(generation.step), { version: generation.step.version, out });
}

/** Endpoints go whenever none are on their way; what is gone waits for its generation, so that its cluster goes with it. */
function sendEndpoints(stream: StreamState, current: Step, out: DeltaResponse[]): void {
  const state = stream.types.endpoints;
  if (state.dirty.size === 0 || !state.idle) return;
  const owed = owedWhole(stream, state);
  const whole = owed && parcelOf(owed);
  if (whole) {
    state.dirty.clear();
    send(stream, state, whole, { version: current.version, out });
    return;
  }
  const parcel = new Packing();
  for (const [name, debt] of state.dirty) {
    const due = dueFor(debt, stream.stack.resolve("endpoints", name), state.withheld.get(name));
    if (due.kind === "remove") continue;
    if (due.kind !== "settled" && !parcel.add(name, due.kind === "set" ? due.item : undefined, debt.step)) break;
    state.dirty.delete(name);
  }
  send(stream, state, parcel.packed(current), { version: current.version, out });
}

/** The next part of a refused response, less what is no longer so. */
function sendAgain(stream: StreamState, state: TypeState, current: Step, out: DeltaResponse[]): void {
  while (!state.inFlight) {
    const parcel = state.again.shift();
    if (!parcel) return;
    const items = parcel.items.filter(({ resource }) => {
      const still = stream.stack.resolve(state.type, resource.name)?.resource.version === resource.version;
      if (!still || !state.wants(resource.name)) return overtaken(stream, state, resource.name);
      return true;
    });
    const removed = parcel.removed.filter((name) => stream.stack.resolve(state.type, name) === undefined);
    send(stream, state, { items, removed, step: parcel.step }, { version: current.version, out });
  }
}

function overtaken(stream: StreamState, state: TypeState, name: string): false {
  const follows = stream.generation?.follows[state.type];
  const later = state.dirty.get(name);
  // The later debt took the refused version for held.
  if (later) state.dirty.set(name, { held: undefined, answer: true, step: later.step });
  // Newer endpoints overtake and end the wait; anything else comes with the next generation, which must not be waited for.
  if (later && state.type === "endpoints" && follows?.has(name)) follows.set(name, "owed");
  else follows?.delete(name);
  return false;
}

interface Sending {
  readonly version: string;
  readonly out: DeltaResponse[];
}

function send(stream: StreamState, state: TypeState, parcel: Parcel, sending: Sending): void {
  if (!isEmpty(parcel)) respond(stream, state, parcel, sending);
}

function respond(stream: StreamState, state: TypeState, parcel: Parcel, { version, out }: Sending): void {
  state.unanswered = false;
  const nonce = String(++stream.nonces);
  state.inFlight = { ...parcel, nonce, version };
  state.sentVersion = version;
  const follows = stream.generation?.follows[state.type];
  if (parcel.list) follows?.turn(parcel.list.names, "owed", "sent");
  if (state.withheld.size > 0 || !followTogether(stream, parcel)) {
    for (const { resource } of parcel.items) {
      state.withheld.delete(resource.name);
      if (follows?.get(resource.name) === "owed") follows.set(resource.name, "sent");
      for (const asked of resource.asksFor) follow(stream, asked, parcel.step);
    }
  }
  for (const name of parcel.removed) {
    state.withheld.delete(name);
    if (follows?.get(name) === "owed") follows.set(name, "sent");
  }
  out.push({ typeUrl: typeUrls[state.type], nonce, version, items: parcel.items, removed: parcel.removed });
}

/** As `follow` for each of a list, where the proxy has not spoken of what they ask for. */
function followTogether(stream: StreamState, { list, step }: Parcel): boolean {
  if (!list?.asks) return false;
  if (list.asks.size === 0) return true;
  const { named, wildcard, awaited } = stream.types.endpoints;
  const isExcused = stream.generation?.excused.has("endpoints");
  const follows = isExcused ? undefined : stream.generation?.follows.endpoints;
  if (wildcard || named.size > 0 || awaited.size > 0 || (follows && follows.size > 0)) return false;
  awaited.fill(list.asks, step);
  follows?.fill(list.asks, "awaited");
  return true;
}

/** What was just sent waits for `asked`. */
function follow(stream: StreamState, asked: { readonly type: ResourceType; readonly name: string }, step: Step): void {
  const state = stream.types[asked.type];
  const follows = stream.generation?.excused.has(asked.type) ? undefined : stream.generation?.follows[asked.type];
  if (!state.wants(asked.name)) {
    state.awaited.set(asked.name, step);
    follows?.set(asked.name, "awaited");
  } else if (asked.type === "endpoints") {
    state.owe(asked.name, { held: undefined, answer: true, step });
    follows?.set(asked.name, "owed");
  }
}

/** The proxy took what was in flight. */
export function acknowledge(stream: StreamState, state: TypeState): void {
  const parcel = state.inFlight;
  if (!parcel) return;
  state.inFlight = undefined;
  state.ackedVersion = parcel.version;
  const follows = stream.generation?.follows[state.type];
  if (!follows || follows.size === 0) return;
  if (parcel.list) {
    follows.turn(parcel.list.names, "sent", undefined);
    return;
  }
  for (const { resource } of parcel.items) if (follows.get(resource.name) === "sent") follows.delete(resource.name);
  for (const name of parcel.removed) if (follows.get(name) === "sent") follows.delete(name);
}

/** The proxy refused what was in flight. Answers the refusal if it was of one resource alone, which is then withheld. */
export function refuse(stream: StreamState, state: TypeState, because: string): Refusal | undefined {
  const parcel = state.inFlight;
  if (!parcel) return undefined;
  state.nackedVersion = parcel.version;
  unfollow(stream, parcel);
  const [only, ...others] = parcel.items;
  if (!only) {
    // There is nothing to refuse in an absence.
    acknowledge(stream, state);
    return undefined;
  }
  state.inFlight = undefined;
  state.again.unshift(...apart(parcel));
  if (others.length > 0) return undefined;
  stream.generation?.follows[state.type].delete(only.resource.name);
  const { type, name, version } = only.resource;
  const refusal: Refusal = { type, name, version, because, step: parcel.step, made: only.step };
  state.withheld.set(name, refusal);
  return refusal;
}

/** The proxy will not ask for what a refused resource names; when it is sent again, it is followed again. */
function unfollow(stream: StreamState, { items }: Parcel): void {
  for (const { resource } of items) {
    for (const { type, name } of resource.asksFor) {
      stream.types[type].awaited.delete(name);
      const follows = stream.generation?.follows[type];
      if (follows?.get(name) === "awaited") follows.delete(name);
    }
  }
}

/** Owes again what was pinned. A later debt took the pinned version for held; what the proxy holds is older. */
function putBack(state: TypeState, name: string, debt: Debt): void {
  const later = state.dirty.get(name);
  const answer = debt.answer || (later?.answer ?? false);
  state.dirty.set(name, { held: debt.held, answer, step: older(later?.step, debt.step) });
}

/** The generation took too long: what it still had goes back among what is owed, and the next one starts without waiting. */
export function abandon(stream: StreamState, generation: Generation): void {
  if (stream.generation !== generation) return;
  for (const type of resourceTypes) {
    const state = stream.types[type];
    const left = [...generation.sets[type]].map(([name, { debt }]) => [name, debt] as const);
    for (const [name, debt] of [...left, ...generation.removals[type]]) {
      putBack(state, name, debt);
    }
  }
  stream.stuck = new Set(resourceTypes.filter((type) => !stream.types[type].idle || generation.follows[type].size > 0));
  stream.generation = undefined;
}
