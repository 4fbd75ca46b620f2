/**
 * What a proxy does with a request, told from its route table alone, by Envoy's rules: for those who ask why, and for tests
 * of routes without a mesh. The path is taken as it is after normalization. Who may ask, and how often, is not told. Pure.
 *
 *   host ─▶ route ─▶ cross-origin rules: a preflight ends here ─▶ delay ─▶ abort ─▶ redirect, answer, or one of the clusters
 */
import { RE2JS } from "re2js";
import type { HttpRequest } from "../model/http_request.ts";
import type { Fault, HeaderChanges, HeaderEdits, Rewrite } from "../model/route.ts";
import { crossOriginOf } from "./interpret_cors.ts";
import { type Hashed, hashedOf } from "./interpret_hash.ts";
import { hostFor, matches, pathOf } from "./interpret_match.ts";
import type { PathMatch, Retries, Route, RouteAction, RouteTableItem } from "./ir.ts";

/** Of what may become of a request; by chance, where there are shares. */
export interface Destination {
  readonly cluster: string;
  /** 0 to 1 */
  readonly share: number;
  /** As it is sent on. Header values that Envoy fills in stand as they were written. */
  readonly request: HttpRequest;
  readonly response: readonly HeaderEdits[];
  /** By what an endpoint is chosen if the cluster hashes; empty: by nothing. */
  readonly hashed: readonly Hashed[];
}

export type Outcome =
  | {
      readonly kind: "forward";
      readonly destinations: readonly Destination[];
      readonly mirrors: readonly { readonly cluster: string; readonly percent: number }[];
      /** Of all tries together. 0: none. */
      readonly timeoutMs: number;
      /** Absent: it is tried once. */
      readonly retries?: Retries;
    }
  | {
      readonly kind: "redirect";
      readonly status: number;
      readonly location: string;
      readonly response: readonly HeaderEdits[];
    }
  | {
      readonly kind: "respond";
      readonly status: number;
      readonly body: string;
      readonly response: readonly HeaderEdits[];
    }
  /** The proxy itself tells a browser what pages of other origins may. */
  | { readonly kind: "preflight"; readonly status: 200; readonly headers: Readonly<Record<string, string>> };

/** What comes before the outcome, by chance where a share is not 1; what never comes is absent. */
export interface Faults {
  readonly delay?: { readonly ms: number; readonly share: number };
  /** Instead of the outcome; with the header changes of a destination's answer. gRPC's status is in a header of a 200. */
  readonly abort?: { readonly status: number; readonly grpc?: number; readonly share: number };
}

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
      readonly faults: Faults;
      readonly outcome: Outcome;
      /** Set last in every answer, whoever gives it: what a page of another origin may see of it. */
      readonly crossOrigin: Readonly<Record<string, string>>;
    };

export function decide(table: RouteTableItem, request: HttpRequest): Decision {
  const virtualHost = hostFor(table, request.authority.toLowerCase());
  if (!virtualHost) return { kind: "no-host" };
  const place = virtualHost.routes.findIndex(({ match }) => matches(match, request));
  const route = virtualHost.routes[place];
  if (!route) return { kind: "no-route", virtualHost: virtualHost.name };
  const found = { kind: "route", virtualHost: virtualHost.name, place, route } as const;
  // Redirects and fixed answers have no cross-origin rules for Envoy.
  const { preflight, answer } = crossOriginOf(route.action.kind === "forward" ? route.cors : undefined, request);
  if (preflight) {
    const outcome = { kind: "preflight", status: 200, headers: preflight } as const;
    return { ...found, faults: {}, outcome, crossOrigin: answer };
  }
  return { ...found, faults: faultsOf(route.fault), outcome: outcomeOf(route, request), crossOrigin: answer };
}

function faultsOf({ delay, abort }: Fault = {}): Faults {
  const share = ({ percent }: { readonly percent: number }): number => Math.min(percent / 100, 1);
  return {
    ...(delay && delay.percent > 0 ? { delay: { ms: delay.ms, share: share(delay) } } : {}),
    ...(abort && abort.percent > 0
      ? {
          abort: {
            ...("grpc" in abort ? { status: 200, grpc: abort.grpc } : { status: abort.status }),
            share: share(abort),
          },
        }
      : {}),
  };
}

function outcomeOf({ match, action, headers }: Route, request: HttpRequest): Outcome {
  const response = headers?.response ? [headers.response] : [];
  switch (action.kind) {
    case "respond":
      return { kind: "respond", status: action.status, body: action.body ?? "", response };
    case "redirect":
      return { kind: "redirect", status: action.status, location: locationOf(action, request), response };
    case "forward": {
      const { clusters, mirrors = [], rewrite = {}, timeoutMs, retries, hash = [] } = action;
      const path = match.kind === "request" ? match.path : undefined;
      const whole = clusters.reduce((sum, { weight }) => sum + weight, 0);
      const destinations = clusters.map(({ name, weight, headers: own, host }): Destination => {
        const sent = sentOn(request, {
          path,
          rewrite: { ...rewrite, ...(host === undefined ? {} : { host }) },
          changes: [own, headers],
        });
        return {
          cluster: name,
          share: weight / whole,
          request: sent,
          response: [own, headers].flatMap((changes) => changes?.response ?? []),
          hashed: hash.map((key) => hashedOf(key, sent)),
        };
      });
      return { kind: "forward", destinations, mirrors, timeoutMs, ...(retries ? { retries } : {}) };
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
