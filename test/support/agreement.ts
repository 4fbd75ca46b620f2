/**
 * The interpreter of route tables (compile/interpret) beside a real Envoy: random VirtualServices, random requests, and where
 * the two answer differently, or what is said to have made a route has not. One Envoy for each set of VirtualServices; three
 * applications say who was asked for what.
 */
import fc from "fast-check";
import { type Decision, decide, edited, type Faults, type Outcome } from "../../src/compile/interpret.ts";
import type { Item, RouteTableItem } from "../../src/compile/ir.ts";
import { outboundName } from "../../src/compile/naming.ts";
import { type Compiled, compileOnce } from "../../src/compile/once.ts";
import { defaultSettings } from "../../src/compile/settings.ts";
import type { HttpRequest } from "../../src/model/http_request.ts";
import type { Host } from "../../src/model/names.ts";
import type { MeshObject } from "../../src/model/object.ts";
import type {
  Cors,
  Fault,
  HeaderEdits,
  HttpMatch,
  HttpRoute,
  StringMatch,
  VirtualServiceRef,
} from "../../src/model/route.ts";
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
const hosts = ["reviews", "reviews:9080", "reviews.default", "Reviews.default.svc", "cart", "cart:1234", "ratings"];
const names = ["shop.example.com", "a.example.com", "b.a.example.com", "nobody.org"];
const words = ["one", "two", "on", ""];
const origins = ["https://shop.example.com", "https://other.org"];

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
  fc.record({ method: fc.constantFrom("GET", "POST", "OPTIONS").map((value) => ({ kind: "exact", value }) as const) }),
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
/** The one who asks is of namespace default and has the label app: client. */
const sources = fc.constantFrom<Partial<HttpMatch>>(
  {},
  {},
  {},
  { sourceNamespace: ns("default") },
  { sourceNamespace: ns("other") },
  { sourceLabels: { app: "client" } },
  { sourceLabels: { app: "client", version: "v1" } },
);
const match: fc.Arbitrary<HttpMatch> = fc
  .tuple(fc.array(condition, { minLength: 1, maxLength: 2, size: "-1" }), sources)
  .map(([parts, source]) => Object.assign({ ...nothingAsked }, ...parts, source));

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
/** All or none: what is left to chance cannot be held against one request. */
const percent = fc.constantFrom(0, 100, 100);
const fault: fc.Arbitrary<Fault> = fc.record(
  {
    delay: fc.record({ ms: fc.constantFrom(20, 40), percent }),
    abort: fc.oneof(
      fc.record({ status: fc.constantFrom(400, 418, 503), percent }),
      fc.record({ grpc: fc.constantFrom(7, 14), percent }),
    ),
  },
  { requiredKeys: [] },
);
const cors: fc.Arbitrary<Cors> = fc.record(
  {
    origins: fc.array(text([...origins, "*", "https://shop."]), { maxLength: 2 }),
    methods: fc.subarray(["GET", "POST"]),
    headers: fc.subarray(["x-a", "x-b"]),
    exposes: fc.subarray(["x-a", "x-by"]),
    maxAgeSeconds: fc.constantFrom(0, 600),
    credentials: fc.boolean(),
    forwardUnmatched: fc.boolean(),
  },
  { requiredKeys: ["origins", "methods", "headers", "exposes", "forwardUnmatched"] },
);
const nothing = fc.constant(undefined);
const seldom = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.oneof(value, nothing, nothing);
const route: fc.Arbitrary<HttpRoute> = fc
  .record({
    matches: fc.array(match, { minLength: 1, maxLength: 2 }),
    destinations,
    answer: seldom(answer),
    rewrite: fc.oneof(rewrite, nothing),
    headers: fc.oneof(headers, nothing),
    fault: seldom(fault),
    cors: seldom(cors),
  })
  .map(({ matches, destinations: to, answer: given, rewrite: rewritten, ...treatment }) => ({
    matches,
    mirrors: [],
    ...(given ? { answer: given } : {}),
    destinations: given ? [] : to,
    ...(rewritten && !given ? { rewrite: rewritten } : {}),
    ...(treatment.headers ? { headers: treatment.headers } : {}),
    ...(treatment.fault ? { fault: treatment.fault } : {}),
    ...(treatment.cors ? { cors: treatment.cors } : {}),
  }));

/** Host → routes of its VirtualService; "": of the one that cart's first route hands requests to. */
export type Routing = ReadonlyMap<string, readonly HttpRoute[]>;

const routes = fc.array(route, { minLength: 2, maxLength: 6, size: "max" });
export const routing: fc.Arbitrary<Routing> = fc
  .record({
    reviews: routes,
    cart: routes,
    "shop.example.com": routes,
    "*.example.com": routes,
    "": routes,
    handed: fc.constantFrom<readonly HttpMatch[]>([], [{ ...nothingAsked, uri: { kind: "prefix", value: "/a" } }]),
  })
  .map(({ handed, cart, ...others }) => {
    const handing: HttpRoute = { matches: handed, mirrors: [], destinations: [], delegate: refOf("") };
    return new Map(Object.entries({ ...others, cart: [handing, ...cart] }));
  });

function refOf(host: string): VirtualServiceRef {
  return { namespace: ns("default"), name: host === "" ? "handed" : `to-${host.replace("*", "any")}` };
}

/** Each route says in its answers which it is: VIRTUALSERVICE/NUMBER, its name. */
function objectsOf(routing: Routing): readonly MeshObject[] {
  return [...routing].map(([host, http]): MeshObject => {
    const ref = refOf(host);
    const hosts = host === "" ? [] : [host.includes(".") ? (host as Host) : hostOf(host)];
    return virtualService(
      ref.name,
      {},
      { ...ref, hosts, http: http.map((one, at) => named(one, `${ref.name}/${at}`)) },
    );
  });
}

function named(route: HttpRoute, name: string): HttpRoute {
  if (route.delegate) return route;
  const { set = {}, add = {}, remove = [] } = route.headers?.response ?? {};
  return { ...route, name, headers: { ...route.headers, response: { set: { ...set, "x-route": name }, add, remove } } };
}

/** What a browser says of the page that asks, and before it asks. */
const asking: fc.Arbitrary<Partial<HttpRequest>> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ method: fc.constantFrom("GET", "POST") }) },
  {
    weight: 2,
    arbitrary: fc.record({
      method: fc.constantFrom("GET", "OPTIONS", "OPTIONS"),
      headers: fc.record(
        {
          origin: fc.constantFrom(...origins, "https://shop.org", ""),
          "access-control-request-method": fc.constantFrom("GET", "PUT"),
        },
        { requiredKeys: [] },
      ),
    }),
  },
);

export const request: fc.Arbitrary<HttpRequest> = fc
  .record({
    authority: fc.constantFrom(...hosts, ...hosts, ...names),
    path: fc.constantFrom(...paths),
    headers: fc.dictionary(fc.constantFrom("x-a", "x-b"), fc.constantFrom(...words.filter((word) => word !== "")), {
      maxKeys: 2,
    }),
    asking,
  })
  .map(({ asking: { method = "GET", headers: page = {} }, headers: own, ...to }) => ({
    scheme: "http",
    method,
    ...to,
    headers: { ...own, ...page },
  }));

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

  /** All that the client's proxy would hold. */
  compiled(routing: Routing): Compiled {
    const shards = services.map((name) => {
      const { identity: _, ...plain } = endpoint("1", {
        address: "127.0.0.1",
        ports: { http: this.#echoes.get(name)?.port ?? 0 },
        transport: "plaintext",
      });
      return shard(name, [plain], { portNames: ["http:9080"] });
    });
    const settings = { ...defaultSettings, outboundTrafficPolicy: "REGISTRY_ONLY" as const };
    return compileOnce({ settings, objects: objectsOf(routing), workloads: [], shards }, client);
  }
}

const client = sidecar("client", "default", { outbound: { address: "127.0.0.1", port: 0 } });

export function outboundTable(items: readonly Item[]): RouteTableItem {
  const table = items.find((item) => item.type === "route" && item.name === outboundName);
  if (table?.type !== "route") throw new Error("no outbound table");
  return table;
}

/** Envoy's timers count whole milliseconds, and begin a little before we do. */
const clockStepMs = 5;

/** What the two say differently; undefined: nothing. */
export async function disagreement(
  envoy: RunningEnvoy,
  asked: HttpRequest,
  decision: Decision,
): Promise<string | undefined> {
  const { authority, path, method, headers: sent } = asked;
  const via = `127.0.0.1:${envoy.port("outbound")}`;
  const before = performance.now();
  const answered = await send({ via, host: authority, path, method, headers: sent });
  const tookMs = performance.now() - before;
  const candidates = saidBy(decision);
  const seen = seenIn(answered);
  if (!candidates.includes(seen)) {
    return `${JSON.stringify(asked)}: Envoy ${seen}, the interpreter ${candidates.join(" or ")}`;
  }
  const { ms = 0 } = faultsIn(decision).delay ?? {};
  return tookMs < ms - clockStepMs
    ? `${JSON.stringify(asked)}: after ${tookMs} ms, with a delay of ${ms} ms`
    : undefined;
}

export function faultsIn(decision: Decision): Faults {
  return decision.kind === "route" ? decision.faults : {};
}

/** What is wrong with what is said to have made the route, which says itself what it is; undefined: nothing. */
export function misplaced(
  { applications, routing }: { readonly applications: Applications; readonly routing: Routing },
  { compiler }: Compiled,
  { asked, decision }: { readonly asked: HttpRequest; readonly decision: Decision },
): string | undefined {
  if (decision.kind !== "route") return undefined;
  const { virtualHost, place, route } = decision;
  const maker = compiler.routesMadeBy(client, { table: outboundName, virtualHost })[place]?.maker;
  const told = `${JSON.stringify(asked)} meets ${route.name ?? virtualHost}, made by ${JSON.stringify(maker)}`;
  if (route.name === undefined) {
    const wanted = virtualHost.startsWith("ratings") ? "destination" : "mesh";
    return maker?.kind === wanted ? undefined : told;
  }
  if (maker?.kind !== "object") return told;
  const { object, path } = maker.part;
  const [spec, http, number, word, match] = path;
  if (`${object.name}/${number}` !== route.name || `${spec}.${http}.${word}` !== "spec.http.match") return told;
  const by = maker.delegatedBy;
  const isHanded = object.name === refOf("").name;
  if (isHanded !== (by?.object.name === refOf("cart").name && by.path[2] === 0)) return told;
  const host = [...routing.keys()].find((one) => refOf(one).name === object.name) ?? "";
  const alone = onlyMatch(routing, { host, number: Number(number), match: Number(match) });
  const again = decide(outboundTable(applications.compiled(alone).items), asked);
  return again.kind === "route" && again.route.name === route.name ? undefined : `${told}; not by that match alone`;
}

function onlyMatch(
  routing: Routing,
  { host, number, match }: { readonly host: string; readonly number: number; readonly match: number },
): Routing {
  const http = (routing.get(host) ?? []).map((route, at) =>
    at === number ? { ...route, matches: route.matches.slice(match, match + 1) } : route,
  );
  return new Map([...routing, [host, http]]);
}

const shownRequest = ["x-a", "x-b", "x-set", "x-add"];
const shownAnswer = [
  ...shownRequest,
  "x-route",
  "location",
  ...["allow-origin", "allow-credentials", "allow-methods", "allow-headers", "expose-headers", "max-age"].map(
    (name) => `access-control-${name}`,
  ),
];

function seenIn({ status, headers: got, body }: Answer): string {
  const answer = shownAnswer.map((name) => `${name}=${String(got[name] ?? "").replaceAll(", ", ",")}`);
  const by = got["x-by"];
  if (typeof by !== "string") return saidOf({ status, answer, body });
  const { url: path, headers: raw }: Reached = JSON.parse(body);
  const reached = (name: string): string =>
    raw.filter((_, at) => at % 2 === 1 && raw[at - 1]?.toLowerCase() === name).join(",");
  const request = shownRequest.map((name) => `${name}=${reached(name)}`);
  return saidOf({ status, answer, application: { by, path, host: reached("host"), request } });
}

function saidBy(decision: Decision): readonly string[] {
  if (decision.kind !== "route") return [saidOf({ status: 404, answer: answerWith({}), body: "" })];
  const { outcome, faults, crossOrigin } = decision;
  const answer = (edits: readonly HeaderEdits[], own: Readonly<Record<string, string>> = {}): readonly string[] =>
    answerWith({ ...edits.reduce(edited, own), ...crossOrigin });
  if (faults.abort) {
    const { status } = faults.abort;
    return abortedEdits(outcome).map((edits) => saidOf({ status, answer: answer(edits), body: "fault filter abort" }));
  }
  switch (outcome.kind) {
    case "preflight":
      return [saidOf({ status: outcome.status, answer: answerWith(outcome.headers), body: "" })];
    case "redirect": {
      const { status, location, response } = outcome;
      return [saidOf({ status, answer: answer(response, { location }), body: "" })];
    }
    case "respond":
      return [saidOf({ status: outcome.status, answer: answer(outcome.response), body: outcome.body })];
    case "forward":
      return outcome.destinations.map(({ cluster, request: { path, authority: host, headers: sent }, response }) => {
        const by = services.find((name) => cluster.includes(`||${name}.`)) ?? cluster;
        const request = shownRequest.map((name) => `${name}=${sent[name] ?? ""}`);
        const application = { by, path, host, request };
        return saidOf({ status: 200, answer: answer(response, { "x-a": "app" }), application });
      });
  }
}

/** Header changes in an answer that stands for the outcome's: those of a redirect or an answer are in these alone. */
function abortedEdits(outcome: Outcome): readonly (readonly HeaderEdits[])[] {
  return outcome.kind === "forward" ? outcome.destinations.map(({ response }) => response) : [[]];
}

function answerWith(headers: Readonly<Record<string, string>>): readonly string[] {
  return shownAnswer.map((name) => `${name}=${headers[name] ?? ""}`);
}

function saidOf(said: {
  readonly status: number;
  readonly answer: readonly string[];
  readonly body?: string;
  readonly application?: {
    readonly by: string;
    readonly path: string;
    readonly host: string;
    readonly request: readonly string[];
  };
}): string {
  return JSON.stringify(said);
}
