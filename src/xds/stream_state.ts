/** What one stream's decisions read and write. Only session.ts makes one; interest.ts and delivery.ts are its rules. */
import type { ResourceType } from "../envoy/resource.ts";
import type { Generation } from "./generation.ts";
import type { Stack } from "./stack.ts";
import type { Step } from "./step.ts";
import { dueFor, TypeState } from "./type_state.ts";
import { perType } from "./type_url.ts";

export interface StreamState {
  readonly types: Readonly<Record<ResourceType, TypeState>>;
  stack: Stack;
  /** What the stream has owed since it began comes from this step. */
  readonly birth: Step;
  generation: Generation | undefined;
  /** Types that kept an abandoned generation from ending; the next does not wait for them. */
  stuck: ReadonlySet<ResourceType>;
  generations: number;
  nonces: number;
}

export function newStreamState(stack: Stack, birth: Step): StreamState {
  return {
    types: perType((type) => new TypeState(type)),
    stack,
    birth,
    generation: undefined,
    stuck: new Set(),
    generations: 0,
    nonces: 0,
  };
}

/**
 * Lets a name that was just subscribed to join the generation that is under way, unless it changed after that was
 * pinned: then it comes with the next one, after the clusters that it may name.
 */
export function joinGeneration(stream: StreamState, state: TypeState, name: string): void {
  const { generation } = stream;
  const debt = state.dirty.get(name);
  if (!generation || !debt || state.type === "endpoints" || generation.excused.has(state.type)) return;
  const item = stream.stack.resolve(state.type, name);
  const due = dueFor(debt, item, state.withheld.get(name));
  const tooNew = item !== undefined && item.step.number > generation.step.number;
  if (tooNew || due.kind === "remove" || !generation.takes(state.type)) {
    generation.follows[state.type].delete(name);
    return;
  }
  state.dirty.delete(name);
  if (due.kind === "settled") generation.follows[state.type].delete(name);
  else generation.sets[state.type].set(name, { item, debt });
}
