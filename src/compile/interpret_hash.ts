/** What of a request Envoy hashes to choose an endpoint: the key and its value here. Pure. */
import type { HttpRequest } from "../model/http_request.ts";
import type { HashKey } from "../model/traffic.ts";
import { headerOf, queryOf } from "./interpret_match.ts";

export type Hashed =
  | { readonly key: HashKey; readonly is: "value"; readonly value: string }
  /** The request does not say it: this key chooses nothing. */
  | { readonly key: HashKey; readonly is: "absent" }
  /** It is in no cookie yet: the answer brings one, and the value is the proxy's. */
  | { readonly key: HashKey; readonly is: "given" }
  /** It is the connection's: the address that the caller has. */
  | { readonly key: HashKey; readonly is: "address" };

/** @param request as it is sent on */
export function hashedOf(key: HashKey, request: HttpRequest): Hashed {
  switch (key.kind) {
    case "source-ip":
      return { key, is: "address" };
    case "header":
      return valued(key, headerOf(request, key.name));
    case "query":
      return valued(key, queryOf(request, key.name));
    case "cookie": {
      const value = cookieOf(request, key.name);
      return value === undefined && key.ttlMs !== undefined ? { key, is: "given" } : valued(key, value);
    }
  }
}

function valued(key: HashKey, value: string | undefined): Hashed {
  return value === undefined ? { key, is: "absent" } : { key, is: "value", value };
}

/** The first of the name that says something, without the quotes it may stand in. */
function cookieOf(request: HttpRequest, name: string): string | undefined {
  for (const pair of (headerOf(request, "cookie") ?? "").split(";")) {
    const [key = "", ...rest] = pair.trim().split("=");
    const value = rest.join("=").replace(/^"(.*)"$/, "$1");
    if (key === name && value !== "") return value;
  }
  return undefined;
}
