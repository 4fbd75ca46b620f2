/**
 * What a route's CORS rules come to for one request, by the rules of Envoy's filter. A preflight of an origin that is allowed
 * is answered by the proxy; one of another origin too, where that is asked for, without a word of that origin. Every other
 * request goes on, and its answer says whether the page may read it. Pure.
 */
import type { HttpRequest } from "../model/http_request.ts";
import type { Cors, StringMatch } from "../model/route.ts";
import { headerOf, valueMatches } from "./interpret_match.ts";

export interface CrossOrigin {
  /** Headers of the answer to a preflight; undefined: it is none, or it goes on. */
  readonly preflight?: Readonly<Record<string, string>>;
  /** Headers that are set in the answer of whoever gets the request. */
  readonly answer: Readonly<Record<string, string>>;
}

export function crossOriginOf(cors: Cors | undefined, request: HttpRequest): CrossOrigin {
  const origin = headerOf(request, "origin") ?? "";
  if (!cors || origin === "") return { answer: {} };
  const asksFirst = request.method === "OPTIONS" && (headerOf(request, "access-control-request-method") ?? "") !== "";
  const isKnown = isAllowed(cors.origins, origin);
  const allowed = isKnown ? allowing(cors, origin) : {};
  if (!asksFirst || (!isKnown && cors.forwardUnmatched)) return { answer: allowed };
  const { methods, headers, maxAgeSeconds } = cors;
  const rules = {
    ...credentialed(cors),
    ...listed("access-control-allow-methods", methods),
    ...listed("access-control-allow-headers", headers),
    ...(maxAgeSeconds === undefined ? {} : { "access-control-max-age": String(maxAgeSeconds) }),
  };
  return { preflight: { ...allowed, ...rules }, answer: {} };
}

function allowing(cors: Cors, origin: string): Readonly<Record<string, string>> {
  return {
    "access-control-allow-origin": origin,
    ...credentialed(cors),
    ...listed("access-control-expose-headers", cors.exposes),
  };
}

function credentialed({ credentials }: Cors): Readonly<Record<string, string>> {
  return credentials ? { "access-control-allow-credentials": "true" } : {};
}

/** A rule that means the text "*" means everybody. */
function isAllowed(origins: readonly StringMatch[], origin: string): boolean {
  return origins.some((match) => valueMatches(match, "*") || valueMatches(match, origin));
}

function listed(name: string, values: readonly string[]): Readonly<Record<string, string>> {
  const text = values.join(",");
  return text === "" ? {} : { [name]: text };
}
