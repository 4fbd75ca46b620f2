/**
 * A step: what one `apply` made of the layers. Whoever still owes a proxy something remembers the step that it came
 * from, so how far a proxy is follows from its oldest debt.
 */
import type { Position } from "../compile/layer.ts";

export interface Step {
  readonly number: number;
  /** How far the inputs went when the step was made. */
  readonly position: Position;
  /** The position of the step before it: what a proxy holds that owes nothing older than this step. */
  readonly before: Position;
  /** When the layers changed, monotonic; undefined of what is owed for another reason: the proxy asked, its layers are others. */
  readonly atMs?: number;
  /** `system_version_info` of what is sent from it; for people, no program reads it. */
  readonly version: string;
}

const nothing: Position = { records: -1, endpoints: -1 };

export const firstStep: Step = { number: 0, position: { records: 0, endpoints: 0 }, before: nothing, version: "0-0" };

/** Neither stream's position ever falls, so all positions of one node stand in one order. */
export function nextStep(last: Step, position: Position, atMs: number): Step {
  const records = Math.max(last.position.records, position.records);
  const endpoints = Math.max(last.position.endpoints, position.endpoints);
  return {
    number: last.number + 1,
    position: { records, endpoints },
    before: last.position,
    atMs,
    version: `${records}-${endpoints}`,
  };
}

/** For what a stream has owed since it began: until that is paid it holds nothing. */
export function birthStep(current: Step): Step {
  return { ...withoutTime(current), before: nothing };
}

/** For what becomes owed while nothing changes. */
export function withoutTime({ number, position, before, version }: Step): Step {
  return { number, position, before, version };
}

export function reaches(held: Position, wanted: Position): boolean {
  return held.records >= wanted.records && held.endpoints >= wanted.endpoints;
}
