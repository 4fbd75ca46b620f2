/**
 * Configurations with the requests that show what they mean, as YAML: a file for each group, a document for each case.
 * What is expected is what Istio's documentation of the field says. The mesh is world.ts's.
 *
 *   case: what it shows
 *   http: the routes of a VirtualService for reviews
 *   given: YAML, any number of objects; instead of `http`, or beside it
 *   ask:                      each is one request
 *     - from: client          a caller of world.ts
 *       over: h2c             or grpc (a unary call of path), or tcp (to SERVICE:PORT, an upstream of the client's)
 *       to: reviews           the Host; path /, method GET and no headers unless said
 *       path: /a
 *       headers: {x-user: jason}
 *       status: 200           unless said
 *       grpc: OK              unless said, of a call: the name of its status
 *       spoken: HTTP/2        or HTTP/1.1: how the application was spoken to, where it speaks anything
 *       by: reviews v1        who answered, where an application did; `reviews`: any version of it
 *       saw: {path: /b, x-added: one}   what reached it; "" : no such header; "~text": contains it
 *       got: {location: /b}   headers of the answer; "" : no such header
 *       body: text            of the answer
 *       tries: 3              how often it reached an application
 *       takes: [200, 900]     milliseconds
 *       times: 20             asked so often, all alike
 *   shares: {of: 400, to: reviews, "reviews v1": [0.85, 0.95]}   of many requests, who got which share
 *   copies: {ratings: [1, 1]}   who is sent copies of which share of what was asked
 *
 * An application answers as x-echo-status, x-echo-failures and x-echo-delay-ms ask (support/echo.ts), one of gRPC as
 * x-echo-grpc-status and the others do (support/grpc_echo.ts). APP_PORT_OF_anything in `given` is the application's port.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments, stringify } from "yaml";
import type { Over } from "../support/speaking.ts";
import { type Caller, standing } from "./world.ts";

export interface Ask {
  readonly from?: Caller;
  readonly over?: Over;
  readonly to: string;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly times?: number;
  readonly status: number;
  readonly grpc?: string;
  readonly spoken?: string;
  readonly by?: string;
  readonly saw?: Readonly<Record<string, string>>;
  readonly got?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly tries?: number;
  readonly takes?: readonly [number, number];
}

export type Shares = { readonly of: number; readonly to: string; readonly path?: string } & {
  readonly [who: string]: unknown;
};

export interface RequestCase {
  readonly case: string;
  readonly given: string;
  readonly ask: readonly Ask[];
  readonly shares?: Shares;
  /** Who is sent copies, and what share of the requests asked before. */
  readonly copies?: Readonly<Record<string, readonly [number, number]>>;
}

interface Written extends Omit<RequestCase, "given" | "ask"> {
  readonly given?: string;
  readonly http?: readonly unknown[];
  readonly ask?: readonly Partial<Ask>[];
}

/** By file. */
export function requestTable(): ReadonlyMap<string, readonly RequestCase[]> {
  const files = readdirSync(import.meta.dirname).filter((file) => file.endsWith(".yaml"));
  return new Map(
    files.sort().map((file) => {
      const documents = parseAllDocuments(readFileSync(join(import.meta.dirname, file), "utf8"));
      return [file, documents.map((document) => caseOf(document.toJS() as Written))];
    }),
  );
}

function caseOf({ http, given, ask = [], ...rest }: Written): RequestCase {
  const parts = [standing, ...(http ? [routesForReviews(http)] : []), ...(given === undefined ? [] : [given])];
  return {
    ...rest,
    given: parts.join("---\n"),
    ask: ask.map((one) => ({ to: "reviews", status: 200, ...one })),
  };
}

function routesForReviews(http: readonly unknown[]): string {
  return stringify({
    apiVersion: "networking.istio.io/v1",
    kind: "VirtualService",
    metadata: { name: "reviews" },
    spec: { hosts: ["reviews"], http },
  });
}
