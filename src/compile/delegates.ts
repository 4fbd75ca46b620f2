/**
 * Delegation: a route of one VirtualService that hands its requests to the routes of another. They take its place, in their
 * order, each under what both ask of a request; what they do not say of the request's treatment, the one that delegates
 * says. A route that asks for something which is not within what was handed to it does not take part. Pure.
 */
import type { HttpMatch, HttpRoute, StringMatch, VirtualService, VirtualServiceRef } from "../model/route.ts";
import { isVisible } from "./hosts.ts";

/** The same object where nothing is delegated. */
export function withDelegates(
  root: VirtualService,
  find: (ref: VirtualServiceRef) => VirtualService | undefined,
): VirtualService {
  if (root.http.every(({ delegate }) => delegate === undefined)) return root;
  const http = root.http.flatMap((route) => {
    if (!route.delegate) return route;
    const delegate = find(route.delegate);
    // One level: what it hands on itself goes nowhere.
    const usable = delegate?.hosts.length === 0 && isVisible(delegate.exportTo, root.namespace);
    return (usable ? delegate.http : []).flatMap((one) => (one.delegate ? [] : (within(route, one) ?? [])));
  });
  return { ...root, http };
}

function within({ delegate: _, ...handed }: HttpRoute, route: HttpRoute): HttpRoute | undefined {
  const matches = narrowed(handed.matches, route.matches);
  if (!matches) return undefined;
  const name = [handed.name, route.name].filter((one) => one !== undefined).join("-");
  const { name: _handed, ...treatment } = handed;
  const { name: _own, ...own } = route;
  return {
    ...treatment,
    ...own,
    ...(name === "" ? {} : { name }),
    matches,
    mirrors: route.mirrors.length > 0 ? route.mirrors : handed.mirrors,
  };
}

/** undefined: some of `wanted` is within none of `handed`. */
function narrowed(handed: readonly HttpMatch[], wanted: readonly HttpMatch[]): readonly HttpMatch[] | undefined {
  if (handed.length === 0) return wanted;
  if (wanted.length === 0) return handed;
  const found = wanted.map((match) => handed.flatMap((outer) => both(outer, match) ?? []));
  return found.every((some) => some.length > 0) ? found.flat() : undefined;
}

/** What meets both; undefined: the inner is not within the outer. */
function both(outer: HttpMatch, inner: HttpMatch): HttpMatch | undefined {
  const texts = ["uri", "scheme", "method", "authority"] as const;
  const apart =
    texts.some((field) => !isWithin(outer[field], inner[field])) ||
    (outer.uri && inner.uri && outer.ignoreUriCase !== inner.ignoreUriCase) ||
    (outer.port !== undefined && inner.port !== undefined && outer.port !== inner.port) ||
    (outer.gateways.length > 0 && inner.gateways.some((gateway) => !outer.gateways.includes(gateway)));
  const headers = joined(outer.headers, inner.headers);
  const withoutHeaders = joined(outer.withoutHeaders, inner.withoutHeaders);
  const query = joined(outer.query, inner.query);
  if (apart || !headers || !withoutHeaders || !query) return undefined;
  return {
    ...outer,
    ...inner,
    ignoreUriCase: inner.uri ? inner.ignoreUriCase : outer.ignoreUriCase,
    headers,
    withoutHeaders,
    query,
    gateways: inner.gateways.length > 0 ? inner.gateways : outer.gateways,
  };
}

interface NamedMatch {
  readonly name: string;
  readonly match: StringMatch;
}

function joined<T extends NamedMatch>(outer: readonly T[], inner: readonly T[]): readonly T[] | undefined {
  const own = new Map(inner.map((one) => [one.name, one]));
  const kept = outer.filter((one) => (own.get(one.name)?.match.kind ?? "present") === "present");
  if (outer.some(({ name, match }) => !isWithin(match, own.get(name)?.match))) return undefined;
  const names = new Set(kept.map(({ name }) => name));
  return [...kept, ...inner.filter(({ name }) => !names.has(name))];
}

/** A regular expression is compared with nothing. */
function isWithin(outer: StringMatch | undefined, inner: StringMatch | undefined): boolean {
  if (!outer || !inner || outer.kind === "present" || inner.kind === "present") return true;
  if (outer.kind === "regex" || inner.kind === "regex") return false;
  if (outer.kind === "exact") return inner.kind === "exact" && inner.value === outer.value;
  return inner.value.startsWith(outer.value);
}
