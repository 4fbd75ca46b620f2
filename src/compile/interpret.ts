/**
 * What a proxy does with a request, told from its route table alone, by Envoy's rules: for those who ask why, and for tests
 * of routes without a mesh. The path is taken as it is after normalization. Pure.
 */
import { RE2JS } from "re2js";
import type { HeaderChanges, HeaderEdits, QueryMatch, Rewrite, StringMatch } from "../model/route.ts";
import type { PathMatch, Route, RouteAction, RouteHeaderMatch, RouteTableItem, VirtualHost } from "./ir.ts";

export interface HttpRequest {
  readonly scheme: "http" | "https";
  readonly method: string;
  /** The Host, with its port if the request had one. */
  readonly authority: string;
  /** With its query. */
  readonly path: string;
  /** By name in lower case; several of one name in one, joined by commas. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Of what may become of a request; by chance, where there are shares. */
export interface Destination {
  readonly cluster: string;
  /** 0 to 1 */
  readonly share: number;
  /** As it is sent on. Header values that Envoy fills in stand as they were written. */
  readonly request: HttpRequest;
  readonly response: readonly HeaderEdits[];
}

export type Outcome =
  | {
      readonly kind: "forward";
      readonly destinations: readonly Destination[];
      readonly mirrors: readonly { readonly cluster: string; readonly percent: number }[];
    }
  | { readonly kind: "redirect"; readonly status: number; readonly location: string }
  | { readonly kind: "respond"; readonly status: number; readonly body: string };

export type Decision =
  /** Both are answered with 404. */
  | { readonly kind: "no-host" }
  | { readonly kind: "no-route"; readonly virtualHost: string }
  | {
      readonly kind: "route";
      readonly virtualHost: string;
      /** Its place among the routes of the virtual host. */
      readonly place: number;
      readonly route: Route;
      readonly outcome: Outcome;
    };

export function decide(table: RouteTableItem, request: HttpRequest): Decision {
  const virtualHost = hostFor(table, request.authority.toLowerCase());
  if (!virtualHost) return { kind: "no-host" };
  const place = virtualHost.routes.findIndex(({ match }) =>
    match.kind === "connect" ? request.method === "CONNECT" : matches(match, request),
  );
  const route = virtualHost.routes[place];
  if (!route) return { kind: "no-route", virtualHost: virtualHost.name };
  return { kind: "route", virtualHost: virtualHost.name, place, route, outcome: outcomeOf(route, request) };
}

/** Exact, then *.SUFFIX, then PREFIX*, the longest first; then "*". */
function hostFor({ virtualHosts, anyPort }: RouteTableItem, authority: string): VirtualHost | undefined {
  const host = anyPort ? authority.replace(/:\d+$/, "") : authority;
  let found: VirtualHost | undefined;
  let best = -1;
  for (const virtualHost of virtualHosts) {
    for (const domain of virtualHost.domains) {
      const rank = rankOf(domain, host);
      if (rank > best) [found, best] = [virtualHost, rank];
    }
  }
  return found;
}

/** Greater is more specific; -1: it is not meant. No domain is a thousand characters long. */
function rankOf(domain: string, host: string): number {
  if (domain === host) return 3_000;
  if (domain === "*") return 0;
  if (domain.startsWith("*"))
    return host.length > domain.length - 1 && host.endsWith(domain.slice(1)) ? 2_000 + domain.length : -1;
  if (domain.endsWith("*"))
    return host.length > domain.length - 1 && host.startsWith(domain.slice(0, -1)) ? 1_000 + domain.length : -1;
  return -1;
}

function matches(
  { path, headers, query = [] }: Extract<Route["match"], { readonly kind: "request" }>,
  request: HttpRequest,
): boolean {
  // CONNECT without a path has no path to match.
  return (
    request.method !== "CONNECT" &&
    pathMatches(path, pathOf(request)) &&
    headers.every((header) => headerMatches(header, request)) &&
    query.every((parameter) => queryMatches(parameter, request))
  );
}

function pathOf({ path }: HttpRequest): string {
  return path.split(/[?#]/, 1)[0] ?? "";
}

function pathMatches({ kind, value, ignoreCase }: PathMatch, path: string): boolean {
  const [wanted, found] = ignoreCase ? [value.toLowerCase(), path.toLowerCase()] : [value, path];
  return valueMatches({ kind, value: wanted }, found);
}

function valueMatches(match: StringMatch, value: string): boolean {
  switch (match.kind) {
    case "exact":
      return value === match.value;
    case "prefix":
      return value.startsWith(match.value);
    case "regex":
      return RE2JS.compile(match.value).matches(value);
    case "present":
      return true;
  }
}

function headerMatches({ name, match, invert }: RouteHeaderMatch, request: HttpRequest): boolean {
  const value = headerOf(request, name);
  if (match.kind === "present") return (value !== undefined) !== invert;
  if (value === undefined && !invert) return false;
  return valueMatches(match, value ?? "") !== invert;
}

function headerOf({ scheme, method, authority, path, headers }: HttpRequest, name: string): string | undefined {
  if (name === ":scheme") return scheme;
  if (name === ":method") return method;
  if (name === ":authority" || name === "host") return authority;
  if (name === ":path") return path;
  return Object.hasOwn(headers, name) ? headers[name] : undefined;
}

/** Of a parameter that stands twice the first counts. Nothing is decoded. */
function queryMatches({ name, match }: QueryMatch, { path }: HttpRequest): boolean {
  const start = path.indexOf("?");
  const pairs = start < 0 ? [] : (path.slice(start + 1).split("#", 1)[0] ?? "").split("&");
  for (const pair of pairs) {
    const equals = pair.indexOf("=");
    const [key, value] = equals < 0 ? [pair, ""] : [pair.slice(0, equals), pair.slice(equals + 1)];
    if (key === name) return valueMatches(match, value);
  }
  return false;
}

function outcomeOf({ match, action, headers }: Route, request: HttpRequest): Outcome {
  switch (action.kind) {
    case "respond":
      return { kind: "respond", status: action.status, body: action.body ?? "" };
    case "redirect":
      return { kind: "redirect", status: action.status, location: locationOf(action, request) };
    case "forward": {
      const { clusters, mirrors = [], rewrite = {} } = action;
      const path = match.kind === "request" ? match.path : undefined;
      const whole = clusters.reduce((sum, { weight }) => sum + weight, 0);
      const destinations = clusters.map(({ name, weight, headers: own, host }) => ({
        cluster: name,
        share: weight / whole,
        request: sentOn(request, {
          path,
          rewrite: { ...rewrite, ...(host === undefined ? {} : { host }) },
          changes: [own, headers],
        }),
        response: [own, headers].flatMap((changes) => changes?.response ?? []),
      }));
      return { kind: "forward", destinations, mirrors };
    }
  }
}

interface Sending {
  readonly path: PathMatch | undefined;
  readonly rewrite: Rewrite;
  /** The narrower first. */
  readonly changes: readonly (HeaderChanges | undefined)[];
}

function sentOn(request: HttpRequest, { path, rewrite, changes }: Sending): HttpRequest {
  const edits = changes.flatMap((one) => one?.request ?? []);
  return {
    ...request,
    authority: rewrite.host ?? request.authority,
    path: rewritten(request, path, rewrite),
    headers: edits.reduce(edited, request.headers),
  };
}

function rewritten(request: HttpRequest, match: PathMatch | undefined, { path, pathRegex }: Rewrite): string {
  const before = pathOf(request);
  const query = request.path.slice(before.length);
  if (pathRegex) {
    const replacement = pathRegex.rewrite.replace(/\\(\d)/g, (_, group) => `$${group}`);
    return RE2JS.compile(pathRegex.match).matcher(before).replaceAll(replacement) + query;
  }
  if (path === undefined) return request.path;
  return match?.kind === "prefix" ? path + before.slice(match.value.length) + query : path + query;
}

/** Removed first, then set and added. */
export function edited(
  headers: Readonly<Record<string, string>>,
  { set, add, remove }: HeaderEdits,
): Record<string, string> {
  const now = { ...headers };
  for (const name of remove) delete now[name];
  for (const [name, value] of Object.entries(set)) now[name] = value;
  for (const [name, value] of Object.entries(add))
    now[name] = now[name] === undefined ? value : `${now[name]},${value}`;
  return now;
}

function locationOf(redirect: Extract<RouteAction, { readonly kind: "redirect" }>, request: HttpRequest): string {
  const scheme = redirect.scheme ?? request.scheme;
  const port = redirect.port === undefined ? "" : `:${redirect.port}`;
  const host = redirect.host ?? hostKept(request, scheme, port);
  const query = request.path.slice(pathOf(request).length);
  const path =
    redirect.path === undefined ? request.path : redirect.path.includes("?") ? redirect.path : redirect.path + query;
  return `${scheme}://${host}${port}${path}`;
}

/** The request's Host, without a port that another takes the place of, or that was the other scheme's own. */
function hostKept({ authority, scheme: before }: HttpRequest, scheme: string, port: string): string {
  const [own] = /:\d+$/.exec(authority) ?? [];
  if (own === undefined) return authority;
  const wasDefault = scheme !== before && own === (before === "https" ? ":443" : ":80");
  return port !== "" || wasDefault ? authority.slice(0, -own.length) : authority;
}
