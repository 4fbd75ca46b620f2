/**
 * Who may call the API. Three questions, each before anything of the request is read:
 * the Host header must name this listener (a page that rebinds its own name to 127.0.0.1 sends that name here);
 * a browser must come from this origin or one that was allowed (any other page on the machine's browser is refused);
 * where a token is configured, the caller must present it. Pure: the server asks, and answers with the refusal.
 */
import { timingSafeEqual } from "node:crypto";
import { ApiRefusal } from "./problem_details.ts";

export interface AccessRules {
  /** Host names by which this listener is called, without port, lower case; loopback's are always among them. */
  readonly hosts: readonly string[];
  /** Origins of other pages that may call: the live page's, when it has a port of its own. */
  readonly origins: readonly string[];
  readonly token: string | undefined;
}

export interface Caller {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}

const loopbackNames: ReadonlySet<string> = new Set(["localhost", "127.0.0.1", "[::1]"]);
/** Asked by machines that have no token; they tell nothing but yes or no. */
const openPaths: ReadonlySet<string> = new Set(["/healthz", "/readyz"]);

/** undefined: welcome. */
export function refuseCaller(caller: Caller, rules: AccessRules): ApiRefusal | undefined {
  return refuseHost(caller, rules) ?? refuseOrigin(caller, rules) ?? refuseToken(caller, rules);
}

function refuseHost(caller: Caller, rules: AccessRules): ApiRefusal | undefined {
  const host = header(caller, "host")?.toLowerCase() ?? "";
  const name = host.replace(/:\d{1,5}$/, "");
  if (loopbackNames.has(name) || rules.hosts.includes(name)) return undefined;
  return new ApiRefusal("forbidden-host", "the Host header does not name this API; call it by its address");
}

function refuseOrigin(caller: Caller, rules: AccessRules): ApiRefusal | undefined {
  const origin = header(caller, "origin");
  if (origin !== undefined) {
    const own = `http://${header(caller, "host")?.toLowerCase()}`;
    return origin === own || rules.origins.includes(origin) ? undefined : foreignOrigin();
  }
  // A browser leaves Origin out of plain GETs but says where they come from (Fetch Metadata). Following a link here
  // is harmless: the page that had the link cannot read the answer.
  const site = header(caller, "sec-fetch-site");
  if (site === undefined || site === "same-origin" || site === "none") return undefined;
  const follows = caller.method === "GET" && header(caller, "sec-fetch-mode") === "navigate";
  return follows ? undefined : foreignOrigin();
}

function foreignOrigin(): ApiRefusal {
  return new ApiRefusal("forbidden-origin", "a page of another origin may not call this API");
}

function refuseToken(caller: Caller, rules: AccessRules): ApiRefusal | undefined {
  if (rules.token === undefined || openPaths.has(caller.path)) return undefined;
  const [scheme = "", given = ""] = (header(caller, "authorization") ?? "").split(" ");
  if (scheme.toLowerCase() === "bearer" && equalSecrets(given, rules.token)) return undefined;
  return new ApiRefusal(
    "unauthorized",
    "this API wants its token: Authorization: Bearer TOKEN (MESHCTL_TOKEN_FILE for meshctl)",
  );
}

function equalSecrets(given: string, expected: string): boolean {
  const a = Buffer.from(given);
  const b = Buffer.from(expected);
  return a.length === b.length && timingSafeEqual(a, b);
}

function header(caller: Caller, name: string): string | undefined {
  const value = caller.headers[name];
  return typeof value === "string" ? value : undefined;
}
