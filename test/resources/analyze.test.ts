import assert from "node:assert/strict";
import { test } from "node:test";
import type { Namespace } from "../../src/model/names.ts";
import type { Workload } from "../../src/model/workload.ts";
import { analyze, type Known } from "../../src/resources/analyze.ts";
import { all } from "../support/live_objects.ts";
import { WebAuthority } from "../support/web_certificates.ts";
import { brief, document, parseGood } from "./support/reading.ts";

const shop = "shop" as Namespace;
const services = ["reviews", "ratings"].map((name) => ({ namespace: shop, name }));

function told(text: string, known: Known = { services }): readonly string[] {
  const problems = analyze(parseGood(text), known);
  assert.ok(problems.every(({ severity, position }) => severity === "warning" && position));
  return brief(problems);
}

const named = (name: string) => `{name: ${name}, namespace: shop}`;
const router = (name: string, spec: string) => document("VirtualService", spec, named(name));
const to = (destination: string) => `hosts: [reviews]\nhttp: [{route: [{destination: ${destination}}]}]`;

test("a destination nobody knows, with the nearest one", () => {
  assert.deepEqual(told(router("x", to("{host: reviws}"))), [
    "MSH1402 spec.http[0].route[0].destination.host: no service reviws.shop is known; did you mean reviews.shop?; requests get 503 until it is registered",
  ]);
  assert.deepEqual(told(router("x", to("{host: reviws}")), {}), []);
});

test("mirrors are judged as routes' destinations are", () => {
  const route = "route: [{destination: {host: reviews}}]";
  const both =
    "mirror: {host: reviws}, mirrors: [{destination: {host: ratings}}, {destination: {host: ratings, subset: v2}}]";
  assert.deepEqual(told(router("x", `hosts: [reviews]\nhttp: [{${route}, ${both}}]`)), [
    "MSH1402 spec.http[0].mirror.host: no service reviws.shop is known; did you mean reviews.shop?; copies are lost until it is registered",
    "MSH1403 spec.http[0].mirrors[1].destination.subset: ratings.shop.svc.cluster.local has no subset v2: no DestinationRule is for it",
  ]);
});

test("a subset that no rule defines", () => {
  const rule = document("DestinationRule", "host: reviews\nsubsets: [{name: v1}]", named("r"));
  const asks = router("x", to("{host: reviews, subset: v2}"));
  assert.match(told(asks)[0] ?? "", /^MSH1403 .*no DestinationRule is for it/);
  assert.match(told(`${rule}---\n${asks}`)[0] ?? "", /^MSH1403 .*destinationrule shop\/r has none/);
  assert.deepEqual(told(`${rule}---\n${asks.replace("v2", "v1")}`), []);
  // The rule may be in the mesh already, and under a wildcard.
  const wide = parseGood(rule.replace("host: reviews", "host: '*.shop.svc.cluster.local'"));
  assert.deepEqual(told(asks.replace("v2", "v1"), { services, resources: wide }), []);
});

test("a gateway that is not there, of the router or of a match", () => {
  const text = router(
    "x",
    `gateways: [mesh, edge]\n${to("{host: reviews}").replace("{route", "{match: [{gateways: [edje]}], route")}`,
  );
  assert.deepEqual(told(text), [
    "MSH1401 spec.gateways[1]: there is no gateway shop/edge",
    "MSH1401 spec.http[0].match[0].gateways[0]: there is no gateway shop/edje",
  ]);
  const gateway = document(
    "Gateway",
    "servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]",
    named("edge"),
  );
  assert.deepEqual(told(`${text}---\n${gateway}`), [
    "MSH1401 spec.http[0].match[0].gateways[0]: there is no gateway shop/edje; did you mean shop/edge?",
  ]);
});

test("a delegate that is not there, and one that has hosts of its own", () => {
  const root = router("x", "hosts: [a]\nhttp: [{delegate: {name: inner, namespace: team}}]");
  assert.deepEqual(told(root), [
    "MSH1407 spec.http[0].delegate.name: there is no virtualservice team/inner; such requests meet the next route",
  ]);
  const inner = (hosts: string) =>
    document("VirtualService", `${hosts}\nhttp: [{directResponse: {status: 200}}]`, "{name: inner, namespace: team}");
  assert.deepEqual(told(`${root}---\n${inner("hosts: [b]")}`), [
    "MSH1407 spec.http[0].delegate: virtualservice team/inner has hosts of its own; what is delegated to has none",
  ]);
  assert.deepEqual(told(`${root}---\n${inner("")}`), []);
});

test("weights that are no percent", () => {
  const weighed = (a: number, b: number) =>
    router(
      "x",
      `hosts: [reviews]\nhttp: [{route: [{destination: {host: reviews}, weight: ${a}}, {destination: {host: ratings}, weight: ${b}}]}]`,
    );
  assert.deepEqual(told(weighed(90, 10)), []);
  assert.deepEqual(told(weighed(90, 20)), [
    "MSH1404 spec.http[0].route: the weights add up to 110, not 100; each gets its share of 110",
  ]);
});

test("two routers of one host in the mesh: each is told of the other, where it stands, and who wins", () => {
  const [a, b] = [router("a", to("{host: reviews}")), router("b", to("{host: ratings}"))];
  assert.deepEqual(told(`${a}---\n${b}`), [
    "MSH1405 spec.hosts[0]: reviews.shop.svc.cluster.local is routed by virtualservice shop/b (a.yaml:8) too, which is newer and not heard; merge the two",
    "MSH1405 spec.hosts[0]: reviews.shop.svc.cluster.local is routed by virtualservice shop/a (a.yaml:1) too, which is older and wins; merge the two",
  ]);
  // What the mesh has is older than what comes, and stands where it was read from.
  const inMesh = (text: string): Known => ({
    services,
    resources: parseGood(text).map(({ resource }) => ({ resource, createdAtMs: 5, origin: "old.yaml:7" })),
  });
  assert.match(told(a, inMesh(b))[0] ?? "", /by virtualservice shop\/b \(old\.yaml:7\) too, which is older and wins/);
  // One that is applied again is not its own rival, and keeps its age.
  assert.deepEqual(told(a, inMesh(a)), []);
  const both = { services, resources: [...(inMesh(a).resources ?? []), ...(inMesh(b).resources ?? [])] };
  assert.match(told(b, both)[0] ?? "", /shop\/a \(old\.yaml:7\) too, which is older/);
});

test("destinations of connections are judged as those of requests; a host's TCP is no rival of its HTTP", () => {
  const tcp = router("x", "hosts: [reviews]\ntcp: [{route: [{destination: {host: reviws}}]}]");
  assert.match(told(tcp).join(), /^MSH1402 spec.tcp\[0\].route\[0\].destination.host/);
  const http = router("a", to("{host: reviews}"));
  assert.deepEqual(told(`${http}---\n${tcp.replace("reviws", "reviews")}`), []);
});

test("two Gateways that want what one port cannot have", () => {
  const port = (number: number, protocol: string) => `port: {number: ${number}, name: p, protocol: ${protocol}}`;
  const gateway = (name: string, selector: string, server: string) =>
    document("Gateway", `selector: ${selector}\nservers: [{${server}}]`, named(name));
  const both = (mine: string, theirs: string, selector = "{a: b}") =>
    told(`${gateway("mine", "{a: b, c: d}", mine)}---\n${gateway("theirs", selector, theirs)}`);
  const secure = (host: string, mode = "SIMPLE, serverCertificate: /c, privateKey: /k") =>
    `${port(443, "HTTPS")}, hosts: [${host}], tls: {mode: ${mode}}`;
  const http = `${port(80, "HTTP")}, hosts: ['*']`;
  assert.deepEqual(both(http, `${port(80, "TCP")}, hosts: ['*']`), [
    "MSH1412 spec.servers[0].port: port 80 carries HTTP here and TCP in gateway shop/theirs",
    "MSH1412 spec.servers[0].port: port 80 carries TCP here and HTTP in gateway shop/mine",
  ]);
  assert.equal(both(`${port(1, "TCP")}, hosts: ['*']`, `${port(1, "TCP")}, hosts: ['*']`).length, 2);
  assert.match(both(secure("a.com"), secure("a.com"))[0] ?? "", /^MSH1412 spec.servers\[0\].hosts\[0\]: a.com has TLS/);
  assert.deepEqual(both(secure("a.com"), secure("b.com")), []);
  assert.deepEqual(both(secure("a.com", "PASSTHROUGH"), secure("a.com", "PASSTHROUGH")), []);
  assert.deepEqual(both(http, http), []);
  assert.deepEqual(both(http, `${port(80, "TCP")}, hosts: ['*']`, "{a: other}"), []);
});

test("routers that are shown to different namespaces, or stand in different places, are no rivals", () => {
  const [a, b] = [router("a", to("{host: reviews}")), router("b", to("{host: ratings}"))];
  const own = a.replace("hosts:", "exportTo: ['.']\n  hosts:");
  assert.deepEqual(told(`${own}---\n${b.replace("hosts:", "exportTo: [other]\n  hosts:")}`), []);
  const known = { services, resources: parseGood(gatewayNamed("edge")) };
  assert.deepEqual(told(`${a}---\n${b.replace("hosts:", "gateways: [edge]\n  hosts:")}`, known), []);
});

const gatewayNamed = (name: string): string =>
  document("Gateway", "servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]", named(name));

test("two routers of one host at a gateway: whose routes come first", () => {
  const at = (name: string) => router(name, `gateways: [edge]\n${to("{host: reviews}")}`);
  assert.deepEqual(told(`${gatewayNamed("edge")}---\n${at("a")}---\n${at("b")}`), [
    "MSH1409 spec.hosts[0]: reviews.shop.svc.cluster.local is routed at gateway shop/edge by virtualservice shop/b (a.yaml:15) too, whose routes come after these; keep their matches apart, or merge the two",
    "MSH1409 spec.hosts[0]: reviews.shop.svc.cluster.local is routed at gateway shop/edge by virtualservice shop/a (a.yaml:7) too, whose routes come before these; keep their matches apart, or merge the two",
  ]);
});

test("a host under another's wildcard is routed alone; the wildcard is told once, however many there are", () => {
  const wide = router("wide", to("{host: reviews}").replace("[reviews]", "['*.shop.svc.cluster.local']"));
  const text = [
    wide,
    router("a", to("{host: reviews}")),
    router("b", to("{host: ratings}").replace("reviews", "ratings")),
  ];
  assert.deepEqual(told(text.join("---\n")), [
    "MSH1410 spec.hosts[0]: *.shop.svc.cluster.local does not hold for reviews.shop.svc.cluster.local, which virtualservice shop/a (a.yaml:8) routes, nor for 1 more; what both are for stands in both",
    "MSH1410 spec.hosts[0]: reviews.shop.svc.cluster.local is under *.shop.svc.cluster.local of virtualservice shop/wide (a.yaml:1), whose routes do not hold for it; what both are for stands in both",
    "MSH1410 spec.hosts[0]: ratings.shop.svc.cluster.local is under *.shop.svc.cluster.local of virtualservice shop/wide (a.yaml:1), whose routes do not hold for it; what both are for stands in both",
  ]);
});

test("everything of a gateway and one host of it are no conflict", () => {
  const at = (name: string, host: string) =>
    router(name, `gateways: [edge]\n${to("{host: reviews}").replace("[reviews]", `['${host}']`)}`);
  assert.deepEqual(told(`${gatewayNamed("edge")}---\n${at("a", "*")}---\n${at("b", "shop.example.com")}`), []);
});

test("two rules of one host: read as one in a namespace, each for its own callers in two", () => {
  const rule = (name: string, namespace = "shop") =>
    document(
      "DestinationRule",
      "host: reviews.shop.svc.cluster.local\nsubsets: [{name: v1}]",
      `{name: ${name}, namespace: ${namespace}}`,
    );
  assert.deepEqual(told(`${rule("a")}---\n${rule("b")}`), [
    "MSH1406 spec.host: reviews.shop.svc.cluster.local has destinationrule shop/b (a.yaml:8) too: the two are read as one, and of what both say this one holds; merge them",
    "MSH1406 spec.host: reviews.shop.svc.cluster.local has destinationrule shop/a (a.yaml:1) too: the two are read as one, and of what both say that one holds; merge them",
  ]);
  assert.match(
    told(`${rule("a")}---\n${rule("a", "other")}`)[0] ?? "",
    /destinationrule other\/a \(a\.yaml:8\) too: callers take the rule of their own namespace/,
  );
});

test("what is stored and not understood is not judged", () => {
  const [good] = parseGood(router("a", to("{host: reviews}")));
  assert.ok(good);
  const newer = { resource: { ...good.resource, spec: { hosts: 1 } } };
  assert.deepEqual(told(router("b", to("{host: reviews}")), { services, resources: [newer] }), []);
});

test("a host that two ServiceEntries declare, or that is a service; one that is declared is known", () => {
  const entry = (name: string, host: string, more = "") =>
    document("ServiceEntry", `hosts: [${host}]\nports: [{number: 80, name: http}]${more}`, named(name));
  assert.deepEqual(told(`${entry("a", "api.example.com")}---\n${entry("b", "api.example.com")}`), [
    "MSH1411 spec.hosts[0]: api.example.com is declared by serviceentry shop/b too; merge the two",
    "MSH1411 spec.hosts[0]: api.example.com is declared by serviceentry shop/a too; merge the two",
  ]);
  const [ours, theirs] = ["\nexportTo: ['.']", "\nexportTo: [bank]"];
  assert.deepEqual(told(`${entry("a", "api.example.com", ours)}---\n${entry("b", "api.example.com", theirs)}`), []);
  assert.deepEqual(told(entry("a", "reviews.shop.svc.cluster.local")), [
    "MSH1411 spec.hosts[0]: reviews.shop.svc.cluster.local is a service of the mesh, which stays as it is",
  ]);
  assert.deepEqual(
    told(`${entry("a", "api.example.com")}---\n${router("x", to("{host: api.example.com, port: {number: 80}}"))}`),
    [],
  );
});

test("Secrets that a Gateway names and that are not there, lack a part, or have run out", async () => {
  const authority = await WebAuthority.create("the web");
  const web = await authority.issue("web.example.com");
  const indented = (pem: string): string => pem.trim().replaceAll("\n", "\n    ");
  const secret = (name: string, keys: string): string =>
    `apiVersion: v1\nkind: Secret\nmetadata: {name: ${name}, namespace: edge}\nstringData:\n${keys}`;
  const pair = `  tls.crt: |\n    ${indented(web.cert)}\n  tls.key: |\n    ${indented(web.key)}\n`;
  const roots = `  ca.crt: |\n    ${indented(authority.ca)}\n`;
  const gateway = (tls: string): string =>
    document(
      "Gateway",
      `selector: {istio: edge}\nservers: [{port: {number: 443, name: https, protocol: HTTPS}, hosts: ['*'], tls: {${tls}}}]`,
      named("g"),
    );
  const workload = { role: "gateway", labels: { istio: "edge" }, namespace: "edge" } as unknown as Workload;
  const known: Known = { workloads: [workload] };
  const simple = gateway("mode: SIMPLE, credentialName: web");
  const mutual = gateway("mode: MUTUAL, credentialName: web");
  const brief1 = (text: string, of = known): readonly string[] =>
    told(text, of).map((line) => line.split(";")[0] ?? "");
  assert.deepEqual(brief1(simple), ["MSH1413 spec.servers[0].tls: there is no Secret edge/web"]);
  assert.deepEqual(brief1(simple, {}), ["MSH1413 spec.servers[0].tls: there is no Secret shop/web"]);
  assert.deepEqual(brief1(all(simple, secret("web", pair))), []);
  assert.deepEqual(brief1(all(simple, secret("web", roots))), [
    "MSH1413 spec.servers[0].tls: Secret edge/web has no certificate with its key (tls.crt, tls.key)",
  ]);
  assert.deepEqual(brief1(all(mutual, secret("web", pair))), [
    "MSH1413 spec.servers[0].tls: there is no ca.crt in Secret edge/web, and no Secret edge/web-cacert",
  ]);
  assert.deepEqual(brief1(all(mutual, secret("web", pair + roots))), []);
  assert.deepEqual(brief1(all(mutual, secret("web", pair), secret("web-cacert", roots))), []);
  const rule = document(
    "DestinationRule",
    "host: reviews\ntrafficPolicy: {tls: {mode: MUTUAL, credentialName: web}}",
    named("r"),
  );
  assert.deepEqual(brief1(rule), [
    "MSH1413 spec: there is no Secret edge/web",
    "MSH1413 spec: there is no ca.crt in Secret edge/web, and no Secret edge/web-cacert",
  ]);
  assert.deepEqual(brief1(all(rule, secret("web", pair + roots))), []);
  const later = Date.now() + 2 * 60 * 60 * 1_000;
  assert.match(told(secret("web", pair), { nowMs: later })[0] ?? "", /^MSH1414 .*its certificate ran out at/);
  assert.deepEqual(told(secret("web", pair), { nowMs: Date.now() }), []);
});
