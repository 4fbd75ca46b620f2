/** A request as somebody asks about it, and as the interpreter reads it. */
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

export interface AskedRequest {
  readonly method: string;
  /** Without a scheme it is http. */
  readonly url: string;
  /** "name: value"; a Host takes the URL's place. */
  readonly headers: readonly string[];
}

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** A text instead: what is wrong. */
export function httpRequestFrom({ method, url, headers }: AskedRequest): HttpRequest | string {
  if (!token.test(method)) return `${method}: not a method; write GET`;
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(url) ? url : `http://${url}`;
  const parsed = URL.canParse(full) ? new URL(full) : undefined;
  const scheme = parsed?.protocol === "http:" ? "http" : parsed?.protocol === "https:" ? "https" : undefined;
  if (!parsed || !scheme) return `${url}: not a URL; write it like http://reviews:9080/path`;
  let authority = parsed.host;
  const said = new Map<string, string>();
  for (const line of headers) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(colon, 0)).trim().toLowerCase();
    if (!token.test(name)) return `${line}: not a header; write it like 'name: value'`;
    const value = line.slice(colon + 1).trim();
    if (name === "host") authority = value;
    else said.set(name, [said.get(name) ?? [], value].flat().join(","));
  }
  return { scheme, method, authority, path: `${parsed.pathname}${parsed.search}`, headers: Object.fromEntries(said) };
}
