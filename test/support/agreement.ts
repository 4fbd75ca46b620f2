/**
 * The interpreter of route tables (compile/interpret) beside a real Envoy: random VirtualServices, random requests, and where
 * the two answer differently. One Envoy for each set of VirtualServices; three applications say who was asked for what.
 */
import fc from "fast-check";
import { type Decision, decide, edited, type HttpRequest } from "../../src/compile/interpret.ts";
import type { Item, RouteTableItem } from "../../src/compile/ir.ts";
import { compileOnce } from "../../src/compile/once.ts";
import { defaultSettings } from "../../src/compile/settings.ts";
import type { Host } from "../../src/model/names.ts";
import type { MeshObject } from "../../src/model/object.ts";
import type { HeaderEdits, HttpMatch, HttpRoute, StringMatch } from "../../src/model/route.ts";
import { endpoint, hostOf, ns, shard, sidecar, virtualService } from "../compile/mesh.ts";
import type { RunningEnvoy } from "../envoy/running_envoy.ts";
import { type Echo, type Reached, startHttpEcho } from "./echo.ts";
import { type Answer, send } from "./requests.ts";

const services = ["reviews", "ratings", "cart"] as const;
const paths = [
  "/",
  "/a",
  "/a/",
  "/a/b",
  "/ab",
  "/A/b",
  "/c.d",
  "/a?x=1",
  "/a/b?x=1&y",
  "/?y=2&x=1",
  "/?x=2&x=1",
  "/c.d?x=",
];
const hosts = ["reviews", "reviews:9080", "reviews.default", "Reviews.default.svc", "cart", "cart:1234"];
const names = ["shop.example.com", "a.example.com", "b.a.example.com", "nobody.org"];
const words = ["one", "two", "on", ""];

const text = (values: readonly string[]): fc.Arbitrary<StringMatch> =>
  fc.oneof(
    fc.constantFrom(...values).map((value) => ({ kind: "exact", value }) as const),
    fc.constantFrom(...values.filter((value) => value !== "")).map((value) => ({ kind: "prefix", value }) as const),
    fc.constantFrom("o.*", "[a-z]+", "/.*", "/a(/.*)?", "t?wo").map((value) => ({ kind: "regex", value }) as const),
  );
const valued = (values: readonly string[]): fc.Arbitrary<StringMatch> =>
  fc.oneof(text(values), fc.constant({ kind: "present" } as const));
const headerMatch = fc.record({ name: fc.constantFrom("x-a", "x-b"), match: valued(words) });

const nothingAsked: HttpMatch = { ignoreUriCase: false, headers: [], withoutHeaders: [], query: [], gateways: [] };

/** One condition, seldom two: what asks for much matches nothing. */
const condition: fc.Arbitrary<Partial<HttpMatch>> = fc.oneof(
  fc.record({ uri: text(["/", "/a", "/a/", "/a/b", "/c.d"]), ignoreUriCase: fc.boolean() }),
  fc.record({ method: fc.constantFrom("GET", "POST").map((value) => ({ kind: "exact", value }) as const) }),
  fc.record({ authority: text(["reviews", "reviews:9080", "shop.example.com"]) }),
  fc.record({ headers: fc.array(headerMatch, { minLength: 1, maxLength: 2 }) }),
  fc.record({ withoutHeaders: fc.array(headerMatch, { minLength: 1, maxLength: 1 }) }),
  fc.record({
    query: fc.array(fc.record({ name: fc.constantFrom("x", "y"), match: valued(["1", "2", ""]) }), {
      minLength: 1,
      maxLength: 1,
    }),
  }),
);
const match: fc.Arbitrary<HttpMatch> = fc
  .array(condition, { minLength: 1, maxLength: 2, size: "-1" })
  .map((parts) => Object.assign({ ...nothingAsked }, ...parts));

const edits: fc.Arbitrary<HeaderEdits> = fc.record({
  set: fc.dictionary(fc.constantFrom("x-a", "x-set"), fc.constantFrom("s", "t"), { maxKeys: 1 }),
  add: fc.dictionary(fc.constantFrom("x-b", "x-add"), fc.constantFrom("p", "q"), { maxKeys: 1 }),
  remove: fc.subarray(["x-a", "x-b"], { maxLength: 1 }),
});
const headers = fc.record({ request: edits, response: edits }, { requiredKeys: [] });
const destinations = fc.array(
  fc.record(
    { host: fc.constantFrom(...services).map((name) => hostOf(name)), weight: fc.constantFrom(0, 1, 50), headers },
    { requiredKeys: ["host", "weight"] },
  ),
  { minLength: 1, maxLength: 2 },
);
const answer = fc.oneof(
  fc.record({
    kind: fc.constant("respond" as const),
    status: fc.constantFrom(200, 404, 418),
    body: fc.constantFrom("x", ""),
  }),
  fc.record(
    {
      kind: fc.constant("redirect" as const),
      path: fc.constantFrom("/new", "/new?q=2"),
      host: fc.constantFrom("other.org", "other.org:81"),
      scheme: fc.constantFrom("http", "https"),
      port: fc.constantFrom(80, 443, 8080, "request" as const),
      status: fc.constantFrom(301, 302, 303, 307, 308),
    },
    { requiredKeys: ["kind", "status"] },
  ),
);
const rewrite = fc.oneof(
  fc.record({ path: fc.constantFrom("/", "/r", "/r/"), host: fc.constantFrom("rewritten.org") }, { requiredKeys: [] }),
  fc.record({ pathRegex: fc.constantFrom({ match: "^/a(.*)$", rewrite: "/z\\1" }, { match: "b", rewrite: "B" }) }),
);
const route: fc.Arbitrary<HttpRoute> = fc
  .record(
    {
      matches: fc.array(match, { minLength: 1, maxLength: 2 }),
      destinations,
      answer: fc.oneof(answer, fc.constant(undefined), fc.constant(undefined)),
      rewrite,
      headers,
    },
    { requiredKeys: ["matches", "destinations", "answer"] },
  )
  .map(({ answer: given, ...sent }) =>
    given ? { matches: sent.matches, mirrors: [], destinations: [], answer: given } : { ...sent, mirrors: [] },
  );

/** Host → routes of its VirtualService. */
export type Routing = ReadonlyMap<string, readonly HttpRoute[]>;

const routes = fc.array(route, { minLength: 2, maxLength: 6, size: "max" });
export const routing: fc.Arbitrary<Routing> = fc
  .record({ reviews: routes, cart: routes, "shop.example.com": routes, "*.example.com": routes })
  .map((byHost) => new Map(Object.entries(byHost)));

export const request: fc.Arbitrary<HttpRequest> = fc.record({
  scheme: fc.constant("http" as const),
  method: fc.constantFrom("GET", "POST"),
  authority: fc.constantFrom(...hosts, ...hosts, ...names),
  path: fc.constantFrom(...paths),
  headers: fc.dictionary(fc.constantFrom("x-a", "x-b"), fc.constantFrom(...words.filter((word) => word !== "")), {
    maxKeys: 2,
  }),
});

export class Applications {
  readonly #echoes = new Map<string, Echo>();

  static async start(): Promise<Applications> {
    const applications = new Applications();
    for (const name of services) applications.#echoes.set(name, await startHttpEcho({ "x-by": name, "x-a": "app" }));
    return applications;
  }

  close(): void {
    for (const echo of this.#echoes.values()) echo.close();
  }

  /** All that the proxy of a workload would hold. */
  compiled(routes: Routing): readonly Item[] {
    const listen = { address: "127.0.0.1", port: 0 };
    const shards = services.map((name) => {
      const { identity: _, ...plain } = endpoint("1", {
        address: "127.0.0.1",
        ports: { http: this.#echoes.get(name)?.port ?? 0 },
        transport: "plaintext",
      });
      return shard(name, [plain], { portNames: ["http:9080"] });
    });
    const objects = [...routes].map(([host, http], number): MeshObject => {
      const full = host.includes(".") ? (host as Host) : hostOf(host);
      return virtualService(`vs-${number}`, {}, { namespace: ns("default"), hosts: [full], http });
    });
    const settings = { ...defaultSettings, outboundTrafficPolicy: "REGISTRY_ONLY" as const };
    return compileOnce({ settings, objects, workloads: [], shards }, sidecar("client", "default", { outbound: listen }))
      .items;
  }
}

/** What the two say differently; undefined: nothing. */
export async function disagreement(
  { envoy, table }: { readonly envoy: RunningEnvoy; readonly table: RouteTableItem },
  asked: HttpRequest,
): Promise<string | undefined> {
  const { authority, path, method, headers: sent } = asked;
  const via = `127.0.0.1:${envoy.port("outbound")}`;
  const answered = await send({ via, host: authority, path, method, headers: sent });
  const decision = decide(table, asked);
  const candidates = saidBy(decision);
  const seen = seenIn(answered);
  return candidates.includes(seen)
    ? undefined
    : `${JSON.stringify(asked)}: Envoy ${seen}, the interpreter ${candidates.join(" or ")}`;
}

export function outboundTable(items: readonly Item[]): RouteTableItem {
  const table = items.find((item) => item.type === "route" && item.name === "outbound");
  if (table?.type !== "route") throw new Error("no outbound table");
  return table;
}

const shownHeaders = ["x-a", "x-b", "x-set", "x-add"];

function seenIn({ status, headers: got, body }: Answer): string {
  const location = got.location;
  if (typeof location === "string") return `${status} ${location}`;
  const by = got["x-by"];
  if (typeof by !== "string") return `${status} ${body}`;
  const { url, headers: raw }: Reached = JSON.parse(body);
  const reached = (name: string): string =>
    raw.filter((_, at) => at % 2 === 1 && raw[at - 1]?.toLowerCase() === name).join(",");
  return saidOf({
    by,
    path: url,
    host: reached("host"),
    request: shownHeaders.map((name) => `${name}=${reached(name)}`),
    response: shownHeaders.map((name) => `${name}=${String(got[name] ?? "").replaceAll(", ", ",")}`),
  });
}

function saidBy(decision: Decision): readonly string[] {
  if (decision.kind !== "route") return ["404 "];
  const { outcome } = decision;
  switch (outcome.kind) {
    case "redirect":
      return [`${outcome.status} ${outcome.location}`];
    case "respond":
      return [`${outcome.status} ${outcome.body}`];
    case "preflight":
      return [`${outcome.status} `];
    case "forward":
      return outcome.destinations.map(({ cluster, request: { path, authority, headers: sent }, response }) => {
        const back = response.reduce(edited, { "x-a": "app" } as Record<string, string>);
        return saidOf({
          by: services.find((name) => cluster.includes(`||${name}.`)) ?? cluster,
          path,
          host: authority,
          request: shownHeaders.map((name) => `${name}=${sent[name] ?? ""}`),
          response: shownHeaders.map((name) => `${name}=${back[name] ?? ""}`),
        });
      });
  }
}

function saidOf(said: {
  readonly by: string;
  readonly path: string;
  readonly host: string;
  readonly request: readonly string[];
  readonly response: readonly string[];
}): string {
  return JSON.stringify(said);
}
