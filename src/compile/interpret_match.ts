/** Which virtual host and which routes a request meets, by Envoy's rules. Part of the interpreter. Pure. */
import { RE2JS } from "re2js";
import type { HttpRequest } from "../model/http_request.ts";
import type { QueryMatch, StringMatch } from "../model/route.ts";
import type { PathMatch, RouteHeaderMatch, RouteMatch, RouteTableItem, VirtualHost } from "./ir.ts";

/** Exact, then *.SUFFIX, then PREFIX*, the longest first; then "*". */
export function hostFor({ virtualHosts, anyPort }: RouteTableItem, authority: string): VirtualHost | undefined {
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

export function matches(match: RouteMatch, request: HttpRequest): boolean {
  // CONNECT without a path has no path to match.
  if (match.kind === "connect" || request.method === "CONNECT")
    return match.kind === "connect" && request.method === "CONNECT";
  const { path, headers, query = [] } = match;
  return (
    pathMatches(path, pathOf(request)) &&
    headers.every((header) => headerMatches(header, request)) &&
    query.every((parameter) => queryMatches(parameter, request))
  );
}

export function pathOf({ path }: HttpRequest): string {
  return path.split(/[?#]/, 1)[0] ?? "";
}

function pathMatches({ kind, value, ignoreCase }: PathMatch, path: string): boolean {
  const [wanted, found] = ignoreCase ? [value.toLowerCase(), path.toLowerCase()] : [value, path];
  return valueMatches({ kind, value: wanted }, found);
}

export function valueMatches(match: StringMatch, value: string): boolean {
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

export function headerOf({ scheme, method, authority, path, headers }: HttpRequest, name: string): string | undefined {
  if (name === ":scheme") return scheme;
  if (name === ":method") return method;
  if (name === ":authority" || name === "host") return authority;
  if (name === ":path") return path;
  return Object.hasOwn(headers, name) ? headers[name] : undefined;
}

function queryMatches({ name, match }: QueryMatch, request: HttpRequest): boolean {
  const value = queryOf(request, name);
  return value !== undefined && valueMatches(match, value);
}

/** Of a parameter that stands twice the first counts. Nothing is decoded. */
export function queryOf({ path }: HttpRequest, name: string): string | undefined {
  const start = path.indexOf("?");
  const pairs = start < 0 ? [] : (path.slice(start + 1).split("#", 1)[0] ?? "").split("&");
  for (const pair of pairs) {
    const equals = pair.indexOf("=");
    const [key, value] = equals < 0 ? [pair, ""] : [pair.slice(0, equals), pair.slice(equals + 1)];
    if (key === name) return value;
  }
  return undefined;
}
