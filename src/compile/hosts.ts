/** Orders: of host patterns, of objects, of text. */
import { covers } from "../model/host_pattern.ts";

export function isWildcard(pattern: string): boolean {
  return pattern.startsWith("*");
}

/** The hosts that both mean: the narrower of the two, if one covers the other. */
export function narrower(left: string, right: string): string | undefined {
  if (covers(left, right)) return right;
  return covers(right, left) ? left : undefined;
}

/** Exact before wildcard, long before short: the order in which patterns are asked. */
export function bySpecificity(left: string, right: string): number {
  return Number(isWildcard(left)) - Number(isWildcard(right)) || right.length - left.length;
}

interface Aged {
  readonly createdAt: number;
  readonly namespace: string;
  readonly name: string;
}

/** The older first; names decide between twins, so that every node decides alike. */
export function byAge(left: Aged, right: Aged): number {
  return left.createdAt - right.createdAt || compare(left.name, right.name) || compare(left.namespace, right.namespace);
}

/** By code units: the same on every machine, whatever its language. */
export function compare(left: string, right: string): number {
  return left < right ? -1 : Number(left > right);
}
