/**
 * AuthorizationPolicy semantics as Istio documents them: for each set of policies, who may do what. The workload is `shop`
 * in namespace default, whose application listens on APP (service port 80) and ADMIN (81).
 */
import { all, authorizationPolicy } from "../support/live_objects.ts";

/**
 * default/anna, default/bob, other/anna, each through its sidecar; nobody: plaintext to the inbound port.
 */
export type Caller = "anna" | "bob" | "other" | "nobody";

export interface Attempt {
  readonly method?: string;
  readonly path?: string;
  readonly host?: string;
  /** Service port; 80 unless said. */
  readonly port?: 80 | 81;
}

export interface SemanticsCase {
  readonly name: string;
  /** APP and ADMIN in it stand for the application's ports. */
  readonly policies: string;
  /** Callers whose GET / is let through; the others get 403. */
  readonly admits?: readonly Caller[];
  /** What anna may and may not do. */
  readonly may?: readonly Attempt[];
  readonly mayNot?: readonly Attempt[];
}

const shop = "{app: shop}";
const allow = (rules: string): string => authorizationPolicy({ action: "ALLOW", selects: shop, rules });
const deny = (rules: string, name?: string): string =>
  authorizationPolicy({ action: "DENY", selects: shop, rules, ...(name ? { name } : {}) });
const from = (source: string): string => `[{from: [{source: {${source}}}]}]`;
const to = (operation: string): string => `[{to: [{operation: {${operation}}}]}]`;
const account = (name: string, namespace = "default"): string => `cluster.local/ns/${namespace}/sa/${name}`;

const everybody = ["anna", "bob", "other", "nobody"] as const;
const mesh = ["anna", "bob", "other"] as const;

const whoMay: readonly SemanticsCase[] = [
  { name: "no policy admits everybody", policies: "", admits: everybody },
  { name: "an ALLOW without rules admits nobody", policies: authorizationPolicy({ selects: shop }), admits: [] },
  { name: "a spec of {} admits nobody, in the whole namespace", policies: authorizationPolicy({}), admits: [] },
  { name: "an ALLOW with an empty list of rules admits nobody", policies: allow("[]"), admits: [] },
  { name: "an ALLOW with an empty rule admits everybody", policies: allow("[{}]"), admits: everybody },
  { name: "a DENY with an empty rule admits nobody", policies: deny("[{}]"), admits: [] },
  { name: "ALLOW by principal", policies: allow(from(`principals: [${account("anna")}]`)), admits: ["anna"] },
  {
    name: "ALLOW by a principal's prefix",
    policies: allow(from("principals: [cluster.local/ns/default/*]")),
    admits: ["anna", "bob"],
  },
  {
    name: "ALLOW by a principal's suffix",
    policies: allow(from('principals: ["*/sa/anna"]')),
    admits: ["anna", "other"],
  },
  { name: "ALLOW by any principal", policies: allow(from('principals: ["*"]')), admits: mesh },
  {
    name: "DENY by principal",
    policies: deny(from(`principals: [${account("anna")}]`)),
    admits: ["bob", "other", "nobody"],
  },
  {
    name: "ALLOW by what a principal is not, which a caller without one is not either",
    policies: allow(from(`notPrincipals: [${account("anna")}]`)),
    admits: ["bob", "other", "nobody"],
  },
  {
    name: "DENY by what a principal is not",
    policies: deny(from(`notPrincipals: [${account("anna")}]`)),
    admits: ["anna"],
  },
  { name: 'DENY who has no principal: notPrincipals "*"', policies: deny(from('notPrincipals: ["*"]')), admits: mesh },
  {
    name: "principals and notPrincipals hold together",
    policies: allow(from(`principals: ["cluster.local/ns/default/*"], notPrincipals: ["*/bob"]`)),
    admits: ["anna"],
  },
  { name: "ALLOW by namespace", policies: allow(from("namespaces: [other]")), admits: ["other"] },
  { name: "ALLOW by a namespace's prefix", policies: allow(from("namespaces: [def*]")), admits: ["anna", "bob"] },
  { name: "ALLOW by a namespace's suffix", policies: allow(from('namespaces: ["*ther"]')), admits: ["other"] },
  { name: "ALLOW by any namespace", policies: allow(from('namespaces: ["*"]')), admits: mesh },
  {
    name: "DENY by namespace",
    policies: deny(from("namespaces: [default]")),
    admits: ["other", "nobody"],
  },
  {
    name: "DENY by what the namespace is not",
    policies: deny(from("notNamespaces: [default]")),
    admits: ["anna", "bob"],
  },
  {
    name: "a dot in an account is a dot",
    policies: allow(from(`principals: [${account("an.a")}, "*/an.a", "cluster.local/ns/default/sa/an.*"]`)),
    admits: [],
  },
  {
    name: "regex characters in principals stand for themselves",
    policies: allow(
      from(
        'principals: ["cluster.local/ns/default/sa/.*", "cluster.local/ns/default/sa/[a-z]+", "*/(anna|bob)", "*|*", "*/an?na", "*/sa/a\\\\w+", "*.*/sa/anna", "*$", "cluster.local/ns/default/sa/anna|x"]',
      ),
    ),
    admits: [],
  },
  {
    name: "regex characters in namespaces stand for themselves",
    policies: allow(
      from('namespaces: ["def.ult", "default|other", "[a-z]+", "d.*", "*.*", "*[a-z]", "(other)", "other/sa/anna"]'),
    ),
    admits: [],
  },
  { name: "any of the values", policies: allow(from(`namespaces: [nowhere, other]`)), admits: ["other"] },
  {
    name: "any of the sources",
    policies: allow(`[{from: [{source: {namespaces: [other]}}, {source: {principals: ["*/bob"]}}]}]`),
    admits: ["bob", "other"],
  },
  {
    name: "all of one source",
    policies: allow(from(`namespaces: [other], principals: ["*/bob"]`)),
    admits: [],
  },
  {
    name: "any of the rules, any of the policies",
    policies: all(
      allow(`[{from: [{source: {principals: ["*/bob"]}}]}, {from: [{source: {namespaces: [nowhere]}}]}]`),
      authorizationPolicy({ name: "second", selects: shop, rules: from("namespaces: [other]") }),
    ),
    admits: ["bob", "other"],
  },
  {
    name: "DENY comes before ALLOW",
    policies: all(allow("[{}]"), deny(from(`principals: [${account("anna")}]`), "deny")),
    admits: ["bob", "other", "nobody"],
  },
  {
    name: "DENY comes before ALLOW also where it is narrower",
    policies: all(allow(from(`principals: [${account("anna")}]`)), deny(to("methods: [DELETE]"), "deny")),
    admits: ["anna"],
    mayNot: [{ method: "DELETE" }],
  },
  {
    name: "a policy for other labels reaches nobody here",
    policies: authorizationPolicy({ selects: "{app: other}" }),
    admits: everybody,
  },
  {
    name: "a policy without selector is for its whole namespace",
    policies: authorizationPolicy({ rules: from("namespaces: [other]") }),
    admits: ["other"],
  },
  {
    name: "a policy of another namespace reaches nobody here",
    policies: authorizationPolicy({ namespace: "other", rules: "[]" }),
    admits: everybody,
  },
  {
    name: "a policy of the root namespace reaches everybody",
    policies: authorizationPolicy({ namespace: "mesh-system", action: "DENY", rules: from("namespaces: [default]") }),
    admits: ["other", "nobody"],
  },
  {
    name: "with a selector it reaches whom that selects, in every namespace",
    policies: all(
      authorizationPolicy({ name: "one", namespace: "mesh-system", selects: shop, rules: from("namespaces: [other]") }),
      authorizationPolicy({ name: "two", namespace: "mesh-system", selects: "{app: other}", rules: "[{}]" }),
    ),
    admits: ["other"],
  },
  {
    name: "istio-system means the root namespace",
    policies: authorizationPolicy({ namespace: "istio-system", rules: from(`principals: [${account("anna")}]`) }),
    admits: ["anna"],
  },
  {
    name: "the namespace's ALLOW and the root namespace's add up, its DENY wins",
    policies: all(
      authorizationPolicy({ name: "root", namespace: "mesh-system", rules: from("namespaces: [other, default]") }),
      allow(from('notPrincipals: ["*"]')),
      deny(from('principals: ["*/bob"]'), "deny"),
    ),
    admits: ["anna", "other", "nobody"],
  },
];

const what: readonly SemanticsCase[] = [
  {
    name: "methods",
    policies: allow(to("methods: [GET, HEAD]")),
    may: [{}, { method: "HEAD" }],
    mayNot: [{ method: "POST" }, { method: "DELETE" }],
  },
  {
    name: "notMethods",
    policies: allow(to('notMethods: ["P*", "*E"]')),
    may: [{}, { method: "OPTIONS" }],
    mayNot: [{ method: "POST" }, { method: "PUT" }, { method: "PATCH" }, { method: "DELETE" }],
  },
  {
    name: "an exact path",
    policies: allow(to("paths: [/a]")),
    may: [{ path: "/a" }, { path: "/a?x=1" }],
    mayNot: [{}, { path: "/a/" }, { path: "/ab" }, { path: "/A" }, { path: "/x/a" }],
  },
  {
    name: "a path's prefix",
    policies: allow(to("paths: [/a*]")),
    may: [{ path: "/a" }, { path: "/ab" }, { path: "/a/b" }],
    mayNot: [{}, { path: "/b/a" }, { path: "/A" }],
  },
  {
    name: "a path's suffix",
    policies: allow(to('paths: ["*.html"]')),
    may: [{ path: "/a.html" }, { path: "/x/y.html?z" }],
    mayNot: [{}, { path: "/a.html/b" }, { path: "/ahtml" }, { path: "/a?b.html" }],
  },
  { name: "any path", policies: allow(to('paths: ["*"]')), may: [{}, { path: "/a" }] },
  {
    name: "regex characters in a path stand for themselves",
    policies: allow(to('paths: ["/a.c", "/(x)", "/b.*", "/[a-z]+"]')),
    may: [{ path: "/a.c" }, { path: "/(x)" }, { path: "/b.b" }],
    mayNot: [{ path: "/abc" }, { path: "/x" }, { path: "/bb" }, { path: "/z" }],
  },
  {
    name: "notPaths",
    policies: deny(to("notPaths: [/healthz, /public/*]")),
    may: [{ path: "/healthz" }, { path: "/public/x" }],
    mayNot: [{}, { path: "/healthz/x" }, { path: "/public" }],
  },
  {
    name: "hosts, as the caller wrote them, in any case and with or without port",
    policies: allow(to("hosts: [shop]")),
    may: [{ host: "shop" }, { host: "Shop" }, { host: "shop:80" }],
    mayNot: [{ host: "shop.default" }, { host: "shop.default.svc.cluster.local" }],
  },
  {
    name: "a host's suffix and prefix",
    policies: allow(to('hosts: ["*.cluster.local", "shop.default*"]')),
    may: [{ host: "shop.default.svc.cluster.local" }, { host: "shop.default" }, { host: "SHOP.default.svc:80" }],
    mayNot: [{ host: "shop" }],
  },
  {
    name: "notHosts",
    policies: deny(to("notHosts: [shop.default.svc.cluster.local]")),
    may: [{ host: "shop.default.svc.cluster.local" }],
    mayNot: [{ host: "shop" }, { host: "shop.default" }],
  },
  {
    name: "ports are the application's",
    policies: deny(to('ports: ["ADMIN"]')),
    may: [{ port: 80 }],
    mayNot: [{ port: 81 }],
  },
  {
    name: "a service's port number names no application port",
    policies: deny(to('ports: ["81"]')),
    may: [{ port: 80 }, { port: 81 }],
  },
  {
    name: "notPorts",
    policies: allow(to('notPorts: ["ADMIN"]')),
    may: [{ port: 80 }],
    mayNot: [{ port: 81 }],
  },
  {
    name: "an ALLOW for one port leaves nothing open on the other",
    policies: allow(to('ports: ["APP"], paths: [/a]')),
    may: [{ path: "/a" }],
    mayNot: [{}, { port: 81, path: "/a" }],
  },
  {
    name: "all of one operation, any of several",
    policies: allow(
      "[{to: [{operation: {methods: [GET], paths: [/a]}}, {operation: {methods: [POST], paths: [/b]}}]}]",
    ),
    may: [{ path: "/a" }, { method: "POST", path: "/b" }],
    mayNot: [{ path: "/b" }, { method: "POST", path: "/a" }],
  },
  {
    name: "from and to hold together",
    policies: allow(
      '[{from: [{source: {principals: ["*/anna"]}}], to: [{operation: {paths: [/a]}}]}, {from: [{source: {principals: ["*/bob"]}}], to: [{operation: {paths: [/b]}}]}]',
    ),
    may: [{ path: "/a" }],
    mayNot: [{ path: "/b" }, {}],
  },
];

export const semanticsCases: readonly SemanticsCase[] = [...whoMay, ...what];
