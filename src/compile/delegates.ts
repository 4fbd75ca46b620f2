/**
 * Delegation: a route of one VirtualService that hands its requests to the routes of another. They take its place, in their
 * order, each under what both ask of a request; what they do not say of the request's treatment, the one that delegates
 * says. A route that asks for something which is not within what was handed to it does not take part. Pure.
 */
import type { HttpMatch, HttpRoute, StringMatch, VirtualService, VirtualServiceRef } from "../model/route.ts";
import { isVisible } from "../model/visibility.ts";

type Find = (ref: VirtualServiceRef) => VirtualService | undefined;

/** A route as it holds, and what it is made of. */
export interface HeldRoute {
  readonly route: HttpRoute;
  /** Its own, then the one that delegates; what both may say is said by the first that does. */
  readonly of: readonly [WrittenRoute, ...WrittenRoute[]];
  /** For each of its matches the number of the match in each of `of`; undefined: there every request is meant. */
  readonly matches: readonly (readonly (number | undefined)[])[];
}

export interface WrittenRoute {
  readonly virtualService: VirtualServiceRef;
  /** Among the VirtualService's. */
  readonly number: number;
  readonly route: HttpRoute;
}

/** The same object where nothing is delegated. */
export function withDelegates(root: VirtualService, find: Find): VirtualService {
  if (root.http.every(({ delegate }) => delegate === undefined)) return root;
  return { ...root, http: heldRoutes(root, find).map(({ route }) => route) };
}

/** Those of `withDelegates`, with what they are made of. */
export function heldRoutes(root: VirtualService, find: Find): readonly HeldRoute[] {
  return root.http.flatMap((route, number): readonly HeldRoute[] => {
    const handed = written(root, route, number);
    if (!route.delegate) return [{ route, of: [handed], matches: route.matches.map((_, match) => [match]) }];
    const delegate = find(route.delegate);
    // One level: what it hands on itself goes nowhere.
    const usable = delegate?.hosts.length === 0 && isVisible(delegate.exportTo, root.namespace);
    if (!usable) return [];
    return delegate.http.flatMap((one, own) => {
      const matches = one.delegate ? undefined : narrowed(route.matches, one.matches);
      if (!matches) return [];
      return {
        route: within(
          route,
          one,
          matches.map(({ match }) => match),
        ),
        of: [written(delegate, one, own), handed],
        matches: matches.map(({ inner, outer }) => [inner, outer]),
      };
    });
  });
}

function written({ namespace, name }: VirtualService, route: HttpRoute, number: number): WrittenRoute {
  return { virtualService: { namespace, name }, number, route };
}

function within({ delegate: _, ...handed }: HttpRoute, route: HttpRoute, matches: readonly HttpMatch[]): HttpRoute {
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

/** With the numbers of the matches that it is made of. */
interface Narrowed {
  readonly match: HttpMatch;
  readonly outer: number | undefined;
  readonly inner: number | undefined;
}

/** undefined: some of `wanted` is within none of `handed`. */
function narrowed(handed: readonly HttpMatch[], wanted: readonly HttpMatch[]): readonly Narrowed[] | undefined {
  if (handed.length === 0) return wanted.map((match, inner) => ({ match, inner, outer: undefined }));
  if (wanted.length === 0) return handed.map((match, outer) => ({ match, outer, inner: undefined }));
  const found = wanted.map((one, inner) =>
    handed.flatMap((wide, outer) => {
      const match = both(wide, one);
      return match ? { match, inner, outer } : [];
    }),
  );
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
