/**
 * Configurations with the requests that show what they mean, as YAML: a file for each group, a document for each case.
 *
 *   case: what it shows
 *   given: YAML, any number of objects
 *   ask:                      each is one request of the workload `client` in namespace default
 *     - to: reviews           the Host; path /, method GET and no headers unless said
 *       path: /a
 *       headers: {x-user: jason}
 *       status: 200
 *       by: reviews v1        who answered, where an application did
 *       saw: {path: /b, x-added: one}   what reached it; "" : no such header
 *       got: {location: /b}   headers of the answer; "" : no such header
 *       body: text            of the answer
 *       times: 20             asked so often, all alike
 *   shares: {of: 400, to: reviews, "reviews v1": [0.85, 0.95]}   of many requests, who got which share
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseAllDocuments } from "yaml";

export interface Ask {
  readonly to: string;
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly times?: number;
  readonly status: number;
  readonly by?: string;
  readonly saw?: Readonly<Record<string, string>>;
  readonly got?: Readonly<Record<string, string>>;
  readonly body?: string;
}

export type Shares = { readonly of: number; readonly to: string; readonly path?: string } & {
  readonly [who: string]: unknown;
};

export interface RequestCase {
  readonly case: string;
  readonly given: string;
  readonly ask?: readonly Ask[];
  readonly shares?: Shares;
  /** Who is sent copies, and what share of the requests asked before. */
  readonly copies?: Readonly<Record<string, readonly [number, number]>>;
}

/** By file. */
export function requestTable(): ReadonlyMap<string, readonly RequestCase[]> {
  const files = readdirSync(import.meta.dirname).filter((file) => file.endsWith(".yaml"));
  return new Map(
    files.sort().map((file) => {
      const documents = parseAllDocuments(readFileSync(join(import.meta.dirname, file), "utf8"));
      return [file, documents.map((document) => document.toJS() as RequestCase)];
    }),
  );
}
