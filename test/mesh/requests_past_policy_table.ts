/**
 * Requests that try to slip past a policy, and for each policy some that it must not touch. `refused`: answered 4xx by
 * the proxy, or closed; the application never sees it. `passes`: 200 from the application.
 */

export type Way =
  /** Plaintext to the sidecar's inbound port. */
  | "plaintext"
  /** The same under mTLS with a workload's identity. */
  | "mtls"
  /** Through the caller's sidecar. */
  | "outbound";

export type Port = "http" | "undeclared";

export interface HostileRequest {
  readonly method?: string;
  /** "/" unless said. */
  readonly target?: string;
  /** Header lines; one Host that nothing speaks of unless said. */
  readonly headers?: readonly string[];
  /** Instead of all of the above: the bytes. */
  readonly bytes?: string;
  /** All of them unless said. */
  readonly ways?: readonly Way[];
}

export interface PolicyCase {
  readonly policy: string;
  readonly action: "ALLOW" | "DENY";
  readonly rules: string;
  readonly port?: Port;
  readonly refused: readonly HostileRequest[];
  readonly passes: readonly HostileRequest[];
}

const targets = (...all: readonly string[]): readonly HostileRequest[] => all.map((target) => ({ target }));
const hosts = (...all: readonly (readonly string[])[]): readonly HostileRequest[] =>
  all.map((headers) => ({ headers: headers.map((host) => `Host: ${host}`) }));
/** Not through the way out, which knows no such host and answers 502 by itself. */
const straight = (requests: readonly HostileRequest[]): readonly HostileRequest[] =>
  requests.map((request) => ({ ...request, ways: ["plaintext", "mtls"] }));

/** Everything that some application takes for /admin. */
const spellingsOfAdmin = [
  "/admin",
  "//admin",
  "///admin",
  "/./admin",
  "/.//admin",
  "/x/../admin",
  "/x/y/../../admin",
  "/../admin",
  "%2Fadmin",
  "/%2Fadmin",
  "/%2fadmin",
  "%5C",
  "%5Cadmin",
  "/%5Cadmin",
  "/%5cadmin",
  "\\admin",
  "/\\admin",
  "/x\\..\\admin",
  "/x%5C..%5Cadmin",
  "/admin#x",
  "/admin#/../public",
  "/admin?x",
  "/admin?",
  "/admin??x#y",
  "/..;p/admin",
  "/..;/admin",
  "/x/..;p/admin",
  "/x/..;p=/../../admin",
  "/.;/admin",
  "/;/admin",
  "/;p=1/admin",
  "/x/..%3Bp/admin",
  "/x/..%3bp/admin",
  "/%61dmin",
  "/a%64min",
  "/adm%69n",
  "/admi%6e",
  "/admi%6E",
  "/%61%64%6D%69%6E",
  "/%61%64%6d%69%6e",
  "/%2e/admin",
  "/%2E/admin",
  "/x/%2e%2e/admin",
  "/x/%2E%2E/admin",
  "/x/.%2e/admin",
  "/x/..%2fadmin",
  "/x/..%2Fadmin",
  "/%2e%2e%2fadmin",
  "/x;/../admin",
  "/admin%00",
  "/admin\t",
  "admin",
  "?/admin",
  "http://shop/admin",
  "http://shop//admin",
  "http://shop/x/../admin",
  "HTTP://shop/%61dmin",
  "https://shop/admin",
  "http://u:p@shop/admin",
];

const notAdmin = [
  "/",
  "/public",
  "/admins",
  "/x?/admin",
  "/?x=/../admin",
  "/x/admin",
  "/ADMIN",
  "/%41dmin",
  "/a.b/..c",
];

export const policyCases: readonly PolicyCase[] = [
  {
    policy: "DENY on the exact path",
    action: "DENY",
    rules: "[{to: [{operation: {paths: [/admin]}}]}]",
    refused: targets(...spellingsOfAdmin),
    passes: targets(...notAdmin, "/admin/../public", "/admin/x"),
  },
  {
    policy: "DENY on a prefix",
    action: "DENY",
    rules: "[{to: [{operation: {paths: [/admin, /admin/*]}}]}]",
    refused: targets(
      ...spellingsOfAdmin,
      "/admin/",
      "/admin/x",
      "/admin/?x",
      "/admin/%2e",
      "/admin/x/..",
      "/admin%2Fx",
      "/admin%2fx",
      "/admin\\x",
      "/admin%5Cx",
      "/admin//x",
      "/x/../admin/x",
    ),
    // The application is given /public.
    passes: targets(...notAdmin, "/admin/../public", "/admin/..;/public"),
  },
  {
    policy: "DENY on a suffix",
    action: "DENY",
    rules: '[{to: [{operation: {paths: ["*.secret"]}}]}]',
    refused: targets(
      "/a.secret",
      "/a.secret?x",
      "/a.secret?x=/b.open",
      "/a.secret#.open",
      "/a%2Esecret",
      "/a.secre%74",
    ),
    passes: targets("/a.secret/x", "/a.open?x=.secret", "/a.secret.open"),
  },
  {
    policy: "ALLOW on a prefix",
    action: "ALLOW",
    rules: "[{to: [{operation: {paths: [/public/*]}}]}]",
    refused: targets(
      ...spellingsOfAdmin,
      "/public",
      "/public/../admin",
      "/public/%2e%2e/admin",
      "/public/..%2fadmin",
      "/public/..%2Fadmin",
      "/public/%2e%2e%2Fadmin",
      "/public/..%5Cadmin",
      "/public/..\\admin",
      "/public\\..\\admin",
      "/public/..;/admin",
      "/public/..;p/admin",
      "/public/..%3bp/admin",
      "/public/;/../../admin",
      "/public/x#/../../admin",
      "/public/%00/../admin",
      "/admin?/public/",
      "/admin#/public/",
      "/admin/x?/../../public/",
      "http://shop/public/../admin",
      "http://shop/admin?/public/",
    ),
    passes: targets(
      "/public/",
      "/public/x",
      "/public/x?/../../admin",
      "/admin/../public/x",
      "/%70ublic/x",
      "/public/x;v=1",
      // The application is given /public/admin.
      "/public//../admin",
    ),
  },
  {
    policy: "DENY on a host",
    action: "DENY",
    rules: "[{to: [{operation: {hosts: [secret.com]}}]}]",
    refused: [
      ...hosts(
        ["secret.com"],
        ["Secret.com"],
        ["SECRET.COM"],
        ["secret.com:80"],
        ["Secret.Com:80"],
        ["secret.com."],
        ["SECRET.com."],
        ["secret.com.:80"],
        ["secret.com:8080"],
        ["\tsecret.com\t"],
      ),
      ...targets(
        "http://secret.com/",
        "http://Secret.com/",
        "http://secret.com:80/",
        "http://secret.com./",
        "HTTP://SECRET.COM/",
      ),
      { target: "http://secret.com/", headers: ["Host: public.com"] },
      ...straight(
        hosts(
          ["secret.com:"],
          ["secret.com:00080"],
          ["secret.com:http"],
          ["secret.com:80:80"],
          ["secret.com:+80"],
          ["secret.com.."],
          ["u@secret.com"],
          ["u:p@secret.com"],
          ["secret%2ecom"],
          ["secret.com/"],
          ["secret.com?x"],
          ["secret.com#x"],
          ["http://secret.com"],
          ["secret.com,public.com"],
          ["public.com,secret.com"],
          ["public.com, secret.com"],
          ["public.com", "secret.com"],
          ["secret.com", "public.com"],
          ["secret.com", "secret.com"],
          [""],
          [],
        ),
      ),
      { headers: ["Host: public.com", "host: secret.com"], ways: ["plaintext", "mtls"] },
      { headers: ["Host : secret.com"] },
      { headers: ["Host: public.com", " secret.com"] },
      { headers: ["Host: public.com", ":authority: secret.com"] },
      { bytes: "GET / HTTP/1.0\r\nHost: secret.com\r\n\r\n" },
      { bytes: "GET / HTTP/1.0\r\n\r\n" },
    ],
    passes: [
      ...hosts(["public.com"], ["PUBLIC.com:80"], ["public.com."]),
      { target: "http://public.com/", headers: ["Host: secret.com"] },
      ...straight(
        hosts(["secret.com.uk"], ["my-secret.com"], ["secretxcom"], ["127.0.0.1:1"], ["[::1]:80"], ["a_b.c"]),
      ),
    ],
  },
  {
    policy: "DENY on a host with a port, and on a suffix",
    action: "DENY",
    rules: '[{to: [{operation: {hosts: ["ported.com:81", "*.secret.com"]}}]}]',
    refused: straight(
      hosts(
        ["ported.com:81"],
        ["PORTED.com.:81"],
        ["a.secret.com"],
        ["A.Secret.com"],
        ["a.b.secret.com.:80"],
        ["a.secret.com:1"],
        ["a@a.secret.com:"],
      ),
    ),
    passes: straight(hosts(["ported.com"], ["ported.com:82"], ["secret.com"], ["a.secret.com.uk"])),
  },
  {
    policy: "ALLOW on a host",
    action: "ALLOW",
    rules: "[{to: [{operation: {hosts: [public.com, open.*]}}]}]",
    refused: [
      ...hosts(["secret.com"]),
      { target: "http://secret.com/", headers: ["Host: public.com"] },
      ...straight(
        hosts(
          ["public.com", "secret.com"],
          ["secret.com", "public.com"],
          ["public.com,secret.com"],
          ["open.com,secret.com"],
          ["open.com", "secret.com"],
          ["open.com@secret.com"],
          ["public.com@secret.com"],
          ["public.comx"],
          ["publicxcom"],
        ),
      ),
    ],
    passes: [
      ...hosts(["public.com"], ["Public.com:80"], ["public.com."]),
      ...straight(hosts(["OPEN.com"], ["open.x.y:1"])),
    ],
  },
  {
    policy: "DENY on a method",
    action: "DENY",
    rules: "[{to: [{operation: {methods: [DELETE]}}]}]",
    refused: [{ method: "DELETE" }, { method: "delete" }, { method: "DELETE ", ways: ["plaintext", "mtls"] }],
    passes: [{ method: "GET" }, { method: "POST", headers: ["Host: shop", "Content-Length: 0"] }],
  },
  {
    // What is not seen to be HTTP is judged as TCP, where a DENY that reads paths denies.
    policy: "DENY on a path, on a port that declares no protocol",
    action: "DENY",
    port: "undeclared",
    rules: "[{to: [{operation: {paths: [/admin]}}]}]",
    refused: [
      ...straight(targets("/admin", "//admin", "/x/../admin", "/%61dmin", "/admin?x")),
      { bytes: "\r\nGET /admin HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n", ways: ["plaintext", "mtls"] },
      { bytes: "GET /admin HTTP/9.9\r\nHost: shop\r\nConnection: close\r\n\r\n", ways: ["plaintext", "mtls"] },
      { bytes: "GET /admin\r\n\r\n", ways: ["plaintext", "mtls"] },
    ],
    passes: straight(targets("/public")),
  },
  {
    policy: "ALLOW on a path, on a port that declares no protocol",
    action: "ALLOW",
    port: "undeclared",
    rules: "[{to: [{operation: {paths: [/public]}}]}]",
    refused: [
      ...straight(targets("/admin", "/public/../admin")),
      { bytes: "\r\nGET /admin HTTP/1.1\r\nHost: shop\r\nConnection: close\r\n\r\n", ways: ["plaintext", "mtls"] },
      { bytes: "GET /public\r\n\r\n", ways: ["plaintext", "mtls"] },
    ],
    passes: straight(targets("/public")),
  },
];

/** Message framing on which proxy and application could disagree about where the next request begins. */
export const smuggled: readonly HostileRequest[] = [
  { headers: ["Host: shop", "Content-Length: 5", "Transfer-Encoding: chunked"] },
  { headers: ["Host: shop", "Content-Length: 1", "Content-Length: 2"] },
  { headers: ["Host: shop", "Transfer-Encoding: chunked, identity"] },
  { headers: ["Host: shop", "Transfer-Encoding: xchunked"] },
  { headers: ["Host: shop", "Content-Length: +1"] },
  { method: "CONNECT", target: "shop:80" },
];
