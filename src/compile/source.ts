/**
 * Who sends a request, as far as routes ask: the namespace and labels of the caller's workload. Routes are made for all
 * callers that are alike in what is asked, so only that is kept of a caller. Pure.
 */
import type { Namespace } from "../model/names.ts";
import type { HttpRoute, PlaceMatch } from "../model/route.ts";
import { hasLabels } from "./assignments.ts";
import { compare } from "./hosts.ts";

export interface Source {
  /** Absent: of none that is asked for. */
  readonly namespace?: Namespace;
  readonly labels: Readonly<Record<string, string>>;
}

/** What routes ask of their callers. */
export interface Asked {
  readonly namespace: boolean;
  /** Keys, sorted. */
  readonly labels: readonly string[];
}

export function askedOf(http: readonly HttpRoute[]): Asked {
  const matches = http.flatMap((route) => route.matches);
  const keys = matches.flatMap(({ sourceLabels }) => Object.keys(sourceLabels ?? {}));
  return {
    namespace: matches.some(({ sourceNamespace }) => sourceNamespace !== undefined),
    labels: [...new Set(keys)].sort(compare),
  };
}

export function isAsked({ namespace, labels }: Asked): boolean {
  return namespace || labels.length > 0;
}

export function isFrom(
  { sourceNamespace, sourceLabels = {} }: Pick<PlaceMatch, "sourceNamespace" | "sourceLabels">,
  { namespace, labels }: Source,
): boolean {
  return (sourceNamespace === undefined || sourceNamespace === namespace) && hasLabels(labels, sourceLabels);
}

export function labelsIn(
  labels: Readonly<Record<string, string>>,
  keys: readonly string[],
): Readonly<Record<string, string>> {
  const entries = keys.flatMap((key): [string, string][] => {
    const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
    return value === undefined ? [] : [[key, value]];
  });
  return Object.fromEntries(entries);
}

/** What is asked of the caller, as a key; "": nothing. */
export function sourceText(asked: Asked, { namespace, labels }: Source): string {
  if (!isAsked(asked)) return "";
  return JSON.stringify([asked.namespace ? namespace : undefined, Object.entries(labelsIn(labels, asked.labels))]);
}

export function sourceFrom(text: string): Source {
  if (text === "") return { labels: {} };
  const [namespace, labels] = JSON.parse(text) as [Namespace | null, [string, string][]];
  return { ...(namespace === null ? {} : { namespace }), labels: Object.fromEntries(labels) };
}
