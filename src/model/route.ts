/** Routing, as a VirtualService means it after parsing: hosts are full names, durations milliseconds, order kept. */
import type { Host, Namespace } from "./names.ts";

export type StringMatch =
  | { readonly kind: "exact"; readonly value: string }
  | { readonly kind: "prefix"; readonly value: string }
  /** RE2, whole string. */
  | { readonly kind: "regex"; readonly value: string }
  | { readonly kind: "present" };

export interface HeaderMatch {
  /** Lower case. */
  readonly name: string;
  readonly match: StringMatch;
}

export interface QueryMatch {
  readonly name: string;
  readonly match: StringMatch;
}

/** Where a request or connection comes by, and whom it is from. */
export interface PlaceMatch {
  /** The service's port number. */
  readonly port?: number;
  /** Gateways (namespace/name) or "mesh"; empty: those of the VirtualService. */
  readonly gateways: readonly string[];
  /** Of the caller's workload, or of the gateway's; neither is asked where the match names gateways. */
  readonly sourceNamespace?: Namespace;
  readonly sourceLabels?: Readonly<Record<string, string>>;
}

/** All of its parts must hold. */
export interface HttpMatch extends PlaceMatch {
  readonly uri?: StringMatch;
  readonly ignoreUriCase: boolean;
  readonly scheme?: StringMatch;
  readonly method?: StringMatch;
  readonly authority?: StringMatch;
  readonly headers: readonly HeaderMatch[];
  readonly withoutHeaders: readonly HeaderMatch[];
  readonly query: readonly QueryMatch[];
  /** What it matches is counted under this name. */
  readonly statPrefix?: string;
}

/** In this order: set, add, remove. Names in lower case. */
export interface HeaderEdits {
  readonly set: Readonly<Record<string, string>>;
  readonly add: Readonly<Record<string, string>>;
  readonly remove: readonly string[];
}

export interface HeaderChanges {
  readonly request?: HeaderEdits;
  readonly response?: HeaderEdits;
}

export interface Destination {
  readonly host: Host;
  readonly subset?: string;
  /** Service port number; absent: the port of the request, or the only one. */
  readonly port?: number;
  readonly weight: number;
  readonly headers?: HeaderChanges;
}

/** Gets a copy of a share of the requests; nobody waits for its answer. */
export interface Mirror {
  /** Which of the route's fields says it: `mirror`, or one of `mirrors` by its index. */
  readonly said: "mirror" | number;
  readonly destination: Destination;
  /** 0 to 100 */
  readonly percent: number;
}

export interface Rewrite {
  /** In place of the prefix that was matched; of an exact path or a regular expression, of all of it. */
  readonly path?: string;
  /** RE2, and what takes the place of what it finds: \\1 is its first group. */
  readonly pathRegex?: { readonly match: string; readonly rewrite: string };
  readonly host?: string;
}

export const redirectStatuses = [301, 302, 303, 307, 308] as const;
export type RedirectStatus = (typeof redirectStatuses)[number];

/** What was not said stays as in the request. */
export interface Redirect {
  readonly kind: "redirect";
  readonly path?: string;
  readonly host?: string;
  readonly scheme?: string;
  /** "request": that of the request; absent: the scheme's. */
  readonly port?: number | "request";
  readonly status: RedirectStatus;
}

export interface FixedResponse {
  readonly kind: "respond";
  readonly status: number;
  readonly body?: string;
}

/** On purpose, for a share of the requests. Percentages are 0 to 100. */
export interface Fault {
  readonly delay?: { readonly ms: number; readonly percent: number };
  readonly abort?:
    | { readonly status: number; readonly percent: number }
    | { readonly grpc: number; readonly percent: number };
}

/** Which pages of other origins may call; empty lists say nothing. */
export interface Cors {
  readonly origins: readonly StringMatch[];
  readonly methods: readonly string[];
  readonly headers: readonly string[];
  readonly exposes: readonly string[];
  readonly maxAgeSeconds?: number;
  readonly credentials?: boolean;
  /** Preflights of other origins: answered here without a word that allows, or sent on. */
  readonly forwardUnmatched: boolean;
}

export interface RetryPolicy {
  readonly attempts: number;
  readonly perTryTimeoutMs?: number;
  /** Envoy's retry conditions and status codes, in the user's order. */
  readonly retryOn: readonly string[];
  /** First wait; later ones grow up to ten times as long. */
  readonly backoffMs?: number;
  readonly remoteLocalities: boolean;
  /** Whether an endpoint that failed may be tried again. */
  readonly samePlace: boolean;
}

export interface VirtualServiceRef {
  readonly namespace: Namespace;
  readonly name: string;
}

export interface HttpRoute {
  readonly name?: string;
  /** Any of them; empty: every request. */
  readonly matches: readonly HttpMatch[];
  /** Its routes stand here instead. */
  readonly delegate?: VirtualServiceRef;
  /** Instead of sending it on. */
  readonly answer?: Redirect | FixedResponse;
  /** Empty with an answer or a delegate alone. */
  readonly destinations: readonly Destination[];
  readonly rewrite?: Rewrite;
  readonly mirrors: readonly Mirror[];
  readonly headers?: HeaderChanges;
  readonly fault?: Fault;
  readonly cors?: Cors;
  /** 0: none. Absent: none either (Istio's default). */
  readonly timeoutMs?: number;
  /** Absent: Istio's default, two retries on connect-failure, refused-stream, unavailable, cancelled, 503. */
  readonly retries?: RetryPolicy;
}

/** Connections whose client named one of these hosts. */
export interface TlsMatch extends PlaceMatch {
  /** Host patterns, in lower case; never empty. */
  readonly sniHosts: readonly string[];
}

/** Of TLS that is not ended on the way. */
export interface TlsRoute {
  /** Any of them; never empty. */
  readonly matches: readonly TlsMatch[];
  readonly destinations: readonly Destination[];
}

export interface TcpRoute {
  /** Any of them; empty: every connection. */
  readonly matches: readonly PlaceMatch[];
  readonly destinations: readonly Destination[];
}

export interface VirtualService {
  readonly namespace: Namespace;
  readonly name: string;
  /** Empty: others hand it requests (HttpRoute.delegate). */
  readonly hosts: readonly Host[];
  /** namespace/name of gateways, or "mesh"; never empty. */
  readonly gateways: readonly string[];
  /** Namespaces that see it: "*", or names; "." is resolved. */
  readonly exportTo: readonly string[];
  readonly http: readonly HttpRoute[];
  readonly tls: readonly TlsRoute[];
  readonly tcp: readonly TcpRoute[];
  /** Sequence of its creation: the older of two for one host wins. */
  readonly createdAt: number;
}

/** Where any of its routes may lead, without copies. */
export function destinationsOf({ http, tls, tcp }: VirtualService): readonly Destination[] {
  return [...http, ...tls, ...tcp].flatMap(({ destinations }) => destinations);
}
