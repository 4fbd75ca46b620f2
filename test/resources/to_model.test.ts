import assert from "node:assert/strict";
import { test } from "node:test";
import type { Namespace } from "../../src/model/names.ts";
import { WeftError } from "../../src/platform/error.ts";
import { toModel } from "../../src/resources/to_model.ts";
import { document, modelOf } from "./support/reading.ts";

test("VirtualService: full names, milliseconds, order kept", () => {
  const text = document(
    "VirtualService",
    `
    hosts: [reviews, Ratings.other, api.example.com.]
    gateways: [mesh, edge, other/edge, istio-system/in]
    exportTo: ['.', istio-system]
    http:
      - name: canary
        match:
          - uri: {prefix: /a}
            ignoreUriCase: true
            method: {exact: GET}
            authority: {}
            headers: {X-User: {exact: jason}, x-any: {}}
            withoutHeaders: {x-no: {regex: a.*}}
            port: 80
            gateways: [edge]
        route:
          - {destination: {host: reviews, subset: v1}, weight: 90}
          - {destination: {host: reviews.other, port: {number: 9080}}}
        timeout: 1.5s
        retries: {attempts: 3, perTryTimeout: 250ms, retryOn: 'connect-failure,503'}
      - route: [{destination: {host: ratings}, weight: 5}]
    `,
  );
  assert.deepEqual(modelOf("VirtualService", text), {
    kind: "VirtualService",
    namespace: "shop",
    name: "x",
    createdAt: 7,
    hosts: ["reviews.shop.svc.cluster.local", "ratings.other", "api.example.com"],
    gateways: ["mesh", "shop/edge", "other/edge", "mesh-system/in"],
    exportTo: ["shop", "mesh-system"],
    http: [
      {
        name: "canary",
        matches: [
          {
            uri: { kind: "prefix", value: "/a" },
            ignoreUriCase: true,
            method: { kind: "exact", value: "GET" },
            headers: [
              { name: "x-user", match: { kind: "exact", value: "jason" } },
              { name: "x-any", match: { kind: "present" } },
            ],
            withoutHeaders: [{ name: "x-no", match: { kind: "regex", value: "a.*" } }],
            query: [],
            port: 80,
            gateways: ["shop/edge"],
          },
        ],
        destinations: [
          { host: "reviews.shop.svc.cluster.local", subset: "v1", weight: 90 },
          { host: "reviews.other", port: 9080, weight: 0 },
        ],
        timeoutMs: 1_500,
        mirrors: [],
        retries: {
          attempts: 3,
          perTryTimeoutMs: 250,
          retryOn: ["connect-failure", "503"],
          remoteLocalities: false,
          samePlace: false,
        },
      },
      { matches: [], mirrors: [], destinations: [{ host: "ratings.shop.svc.cluster.local", weight: 100 }] },
    ],
    tls: [],
    tcp: [],
  });
});

test("VirtualService: what is left out has Istio's default", () => {
  const object = modelOf(
    "VirtualService",
    document("VirtualService", "hosts: [a]\nhttp: [{route: [{destination: {host: a}}]}]"),
  );
  assert.deepEqual([object.gateways, object.exportTo], [["mesh"], ["*"]]);
});

test("DestinationRule: settings of the service, of a port, of a subset", () => {
  const text = document(
    "DestinationRule",
    `
    host: reviews
    trafficPolicy:
      loadBalancer: {simple: LEAST_CONN}
      tls: {mode: ISTIO_MUTUAL}
      connectionPool:
        tcp: {maxConnections: 10, connectTimeout: 2s}
        http: {http1MaxPendingRequests: 5, http2MaxRequests: 0, maxRetries: 3, idleTimeout: 1m}
      portLevelSettings: [{port: {number: 80}, tls: {mode: DISABLE}}]
    subsets:
      - {name: v1, labels: {version: v1}, trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}}
      - {name: all, trafficPolicy: {portLevelSettings: [{port: {number: 80}, loadBalancer: {simple: RANDOM}}]}}
    `,
  );
  const { settings, portSettings, subsets, host } = modelOf("DestinationRule", text);
  assert.equal(host, "reviews.shop.svc.cluster.local");
  assert.deepEqual(settings, {
    balancer: "least-request",
    tls: "mesh",
    connectionPool: {
      maxConnections: 10,
      connectTimeoutMs: 2_000,
      http1MaxPendingRequests: 5,
      maxRetries: 3,
      idleTimeoutMs: 60_000,
    },
  });
  assert.deepEqual(portSettings, { 80: { tls: "disable" } });
  assert.deepEqual(subsets, [
    { name: "v1", labels: { version: "v1" }, settings: { balancer: "round-robin" }, portSettings: {} },
    { name: "all", labels: {}, settings: {}, portSettings: { 80: { balancer: "random" } } },
  ]);
});

test("PeerAuthentication: UNSET inherits, and an empty selector is none", () => {
  const ports =
    "selector: {matchLabels: {app: a}}\nmtls: {mode: STRICT}\nportLevelMtls: {8080: {mode: DISABLE}, 81: {mode: UNSET}}";
  const one = modelOf("PeerAuthentication", document("PeerAuthentication", ports));
  assert.deepEqual([one.mode, one.selector, one.portModes], ["strict", { labels: { app: "a" } }, { 8080: "disable" }]);
  const bare = modelOf(
    "PeerAuthentication",
    document("PeerAuthentication", "selector: {matchLabels: {}}\nmtls: {mode: UNSET}"),
  );
  assert.deepEqual([bare.mode, bare.selector, bare.portModes], [undefined, undefined, {}]);
});

test("Telemetry: no mode is both sides, and what is not said of disabled stays unsaid", () => {
  const text = document("Telemetry", "accessLogging: [{match: {}}, {match: {mode: SERVER}, disabled: false}]");
  const { accessLogging, selector } = modelOf("Telemetry", text);
  assert.deepEqual(accessLogging, [{ sides: ["client", "server"] }, { sides: ["server"], disabled: false }]);
  assert.equal(selector, undefined);
});

test("AuthorizationPolicy: values are parsed in Istio's order, namespaces' other name is resolved", () => {
  const text = document(
    "AuthorizationPolicy",
    `
    selector: {matchLabels: {app: a}}
    action: DENY
    rules:
      - from:
          - source: {principals: ['*', 'a*', '*b', '*c*', 'd*e', f], notNamespaces: [istio-system]}
        to:
          - operation: {ports: ['080'], notMethods: [GET], paths: [/x*], hosts: ['*.com']}
      - {}
    `,
  );
  const { action, rules } = modelOf("AuthorizationPolicy", text);
  const none = { any: [], none: [] };
  assert.equal(action, "deny");
  assert.deepEqual(rules, [
    {
      from: [
        {
          principals: {
            any: [
              { kind: "present" },
              { kind: "prefix", value: "a" },
              { kind: "suffix", value: "b" },
              { kind: "suffix", value: "c*" },
              { kind: "exact", value: "d*e" },
              { kind: "exact", value: "f" },
            ],
            none: [],
          },
          namespaces: { any: [], none: [{ kind: "exact", value: "mesh-system" }] },
        },
      ],
      to: [
        {
          hosts: { any: [{ kind: "suffix", value: ".com" }], none: [] },
          ports: { any: [{ kind: "exact", value: "80" }], none: [] },
          methods: { any: [], none: [{ kind: "exact", value: "GET" }] },
          paths: { any: [{ kind: "prefix", value: "/x" }], none: [] },
        },
      ],
    },
    { from: [], to: [] },
  ]);
  assert.notDeepEqual(none, rules[0]?.from[0]?.principals);
});

test("AuthorizationPolicy: without rules an ALLOW matches nothing", () => {
  const { action, rules } = modelOf("AuthorizationPolicy", document("AuthorizationPolicy", "action: ALLOW"));
  assert.deepEqual([action, rules], ["allow", []]);
});

test("Gateway: hosts with and without a namespace", () => {
  const text = document(
    "Gateway",
    "selector: {istio: in}\nservers: [{name: s, port: {number: 80, name: http, protocol: Http2}, hosts: ['*', ./A.com, '*/b.com', istio-system/c.com]}]",
  );
  assert.deepEqual(modelOf("Gateway", text).servers, [
    {
      name: "s",
      port: { number: 80, name: "http" },
      hosts: [
        { namespace: "*", host: "*" },
        { namespace: "shop", host: "a.com" },
        { namespace: "*", host: "b.com" },
        { namespace: "mesh-system", host: "c.com" },
      ],
      serves: { kind: "http", redirect: false },
    },
  ]);
});

test("Gateway: what is done about TLS", () => {
  const server = (number: number, protocol: string, tls: string) =>
    `{port: {number: ${number}, name: p${number}, protocol: ${protocol}}, hosts: ['*']${tls && `, tls: ${tls}`}}`;
  const pair = "serverCertificate: /c, privateKey: /k";
  const servers = [
    server(1, "HTTP", "{httpsRedirect: true}"),
    server(2, "tcp", ""),
    server(3, "HTTPS", "{}"),
    server(4, "TLS", `{mode: SIMPLE, ${pair}, minProtocolVersion: TLS_AUTO, cipherSuites: [AES128-SHA, AES128-SHA]}`),
    server(5, "HTTPS", `{mode: OPTIONAL_MUTUAL, ${pair}, caCertificates: /a, maxProtocolVersion: TLSV1_2}`),
    server(6, "HTTPS", "{mode: ISTIO_MUTUAL}"),
  ];
  const { servers: made } = modelOf("Gateway", document("Gateway", `servers: [${servers.join(", ")}]`));
  const own = { certificates: ["file-cert:/c~/k"] };
  const clients = { authorities: "file-root:/a", required: false, names: [] };
  assert.deepEqual(
    made.map(({ serves }) => serves),
    [
      { kind: "http", redirect: true },
      { kind: "tcp" },
      { kind: "passthrough" },
      { kind: "tls", tls: { kind: "own", own: { ...own, cipherSuites: ["AES128-SHA"] } } },
      {
        kind: "https",
        tls: { kind: "own", own: { ...own, clients, maxVersion: "TLSV1_2", cipherSuites: [] } },
      },
      { kind: "https", tls: { kind: "mesh" } },
    ],
  );
});

test("VirtualService: routes for connections", () => {
  const { http, tls, tcp } = modelOf(
    "VirtualService",
    document(
      "VirtualService",
      `
      hosts: ["*.Example.com"]
      gateways: [edge]
      tls: [{match: [{sniHosts: [A.example.com], port: 443, gateways: [edge]}], route: [{destination: {host: a}}]}]
      tcp: [{route: [{destination: {host: a}, weight: 1}, {destination: {host: b, subset: v1}, weight: 2}]}]
      `,
    ),
  );
  const [a, b] = ["a.shop.svc.cluster.local", "b.shop.svc.cluster.local"];
  assert.deepEqual(http, []);
  assert.deepEqual(tls, [
    {
      matches: [{ sniHosts: ["a.example.com"], port: 443, gateways: ["shop/edge"] }],
      destinations: [{ host: a, weight: 100 }],
    },
  ]);
  assert.deepEqual(tcp, [
    {
      matches: [],
      destinations: [
        { host: a, weight: 1 },
        { host: b, subset: "v1", weight: 2 },
      ],
    },
  ]);
});

test("a stored spec that is not of its kind throws `invalid` with the field", () => {
  const resource = {
    apiVersion: "networking.mesh.io/v1",
    kind: "VirtualService" as const,
    metadata: { name: "x", namespace: "shop" as Namespace },
    spec: { hosts: ["a"], http: [{ route: [{ destination: {} }] }] },
  };
  assert.throws(
    () => toModel({ resource, generation: 1, createdAtMs: 0 }),
    (cause) =>
      cause instanceof WeftError &&
      cause.code === "invalid" &&
      /http\[0\]\.route\[0\]\.destination\.host/.test(cause.because),
  );
});

test("ServiceEntry: hosts as they stand, ports with their targets, endpoints with their defaults", () => {
  const text = document(
    "ServiceEntry",
    `
    hosts: [API.example.com., legacy]
    addresses: [10.9.9.9]
    ports: [{number: 80, name: web, protocol: HTTP, targetPort: 8080}, {number: 5432, name: tcp-db}]
    location: MESH_INTERNAL
    resolution: DNS
    endpoints:
      - {address: VM.example.com, ports: {web: 81}, labels: {v: one}, locality: eu/a, weight: 3, serviceAccount: vm}
      - {address: 10.0.0.1, weight: 0, serviceAccount: vm, labels: {security.istio.io/tlsMode: disabled}}
    exportTo: [., istio-system]
    subjectAltNames: [spiffe://cluster.local/ns/a/sa/b]
    `,
  );
  assert.deepEqual(modelOf("ServiceEntry", text), {
    kind: "ServiceEntry",
    namespace: "shop",
    name: "x",
    createdAt: 7,
    hosts: ["api.example.com", "legacy"],
    addresses: ["10.9.9.9"],
    ports: [
      { name: "web", port: 80, protocol: "http", target: 8080 },
      { name: "tcp-db", port: 5432, protocol: "tcp", target: 5432 },
    ],
    location: "internal",
    resolution: "dns",
    endpoints: [
      {
        address: "vm.example.com",
        isName: true,
        ports: { web: 81 },
        labels: { v: "one" },
        network: "",
        locality: "eu/a",
        weight: 3,
        serviceAccount: "vm",
      },
      {
        address: "10.0.0.1",
        isName: false,
        ports: {},
        labels: { "security.istio.io/tlsMode": "disabled" },
        network: "",
        locality: "",
        weight: 1,
      },
    ],
    exportTo: ["shop", "mesh-system"],
    servers: ["spiffe://cluster.local/ns/a/sa/b"],
  });
});
