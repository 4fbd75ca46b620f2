/**
 * The brake's judgement, pure: whether endpoints or services would go in such numbers, and so fast, that it is more
 * likely a fault (a registry that answers nothing, many hosts unheard at once) than anybody's wish.
 *
 * A step is a drop when less than half of the endpoints, or of the services, would be left of the most there were
 * within `limits.brakeWindowMs`, and at least `limits.brakeSets` sets shrink in that time. A set is what one source
 * says of one service: scaling or deleting a service, or stopping a host with a workload or two, is no drop, whatever
 * its share of the mesh. Neither is anything in a mesh of fewer than `limits.brakeLeast`.
 *
 * What a user declares is never judged: the log says who wanted it.
 */
import { limits } from "../../platform/limits.ts";

export interface Size {
  readonly endpoints: number;
  readonly services: number;
}

/** A step that was let through. */
export interface Passed {
  readonly atMs: number;
  /** What there was after it. */
  readonly size: Size;
  /** Sets that shrank in it. */
  readonly shrunk: readonly string[];
}

/** @param recent what passed within the window before, the newest last. */
export function isDrop(after: Size, shrinking: readonly string[], recent: readonly Passed[]): boolean {
  const shrunk = new Set([...shrinking, ...recent.flatMap((step) => step.shrunk)]);
  if (shrinking.length === 0 || shrunk.size < limits.brakeSets) return false;
  const falls = (of: (size: Size) => number): boolean => {
    const most = Math.max(...recent.map(({ size }) => of(size)));
    return most >= limits.brakeLeast && of(after) * 2 < most;
  };
  return falls(({ endpoints }) => endpoints) || falls(({ services }) => services);
}

/** Without what is older than the window; the last stays, for it is what there is. */
export function withinWindow(passed: readonly Passed[], nowMs: number): readonly Passed[] {
  return passed.filter(({ atMs }, i) => i === passed.length - 1 || nowMs - atMs <= limits.brakeWindowMs);
}
