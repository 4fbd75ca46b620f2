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

/** All of its parts must hold. */
export interface HttpMatch {
  readonly uri?: StringMatch;
  readonly ignoreUriCase: boolean;
  readonly method?: StringMatch;
  readonly authority?: StringMatch;
  readonly headers: readonly HeaderMatch[];
  readonly withoutHeaders: readonly HeaderMatch[];
  /** The service's port number. */
  readonly port?: number;
  /** Gateways (namespace/name) or "mesh"; empty: those of the VirtualService. */
  readonly gateways: readonly string[];
}

export interface Destination {
  readonly host: Host;
  readonly subset?: string;
  /** Service port number; absent: the port of the request, or the only one. */
  readonly port?: number;
  readonly weight: number;
}

export interface RetryPolicy {
  readonly attempts: number;
  readonly perTryTimeoutMs?: number;
  /** Envoy's retry conditions and status codes, in the user's order. */
  readonly retryOn: readonly string[];
}

export interface HttpRoute {
  readonly name?: string;
  /** Any of them; empty: every request. */
  readonly matches: readonly HttpMatch[];
  readonly destinations: readonly Destination[];
  /** 0: none. Absent: none either (Istio's default). */
  readonly timeoutMs?: number;
  /** Absent: Istio's default, two retries on connect-failure, refused-stream, unavailable, cancelled, 503. */
  readonly retries?: RetryPolicy;
}

export interface VirtualService {
  readonly namespace: Namespace;
  readonly name: string;
  readonly hosts: readonly Host[];
  /** namespace/name of gateways, or "mesh"; never empty. */
  readonly gateways: readonly string[];
  /** Namespaces that see it: "*", or names; "." is resolved. */
  readonly exportTo: readonly string[];
  readonly http: readonly HttpRoute[];
  /** Sequence of its creation: the older of two for one host wins. */
  readonly createdAt: number;
}
