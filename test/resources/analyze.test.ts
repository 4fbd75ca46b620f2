import assert from "node:assert/strict";
import { test } from "node:test";
import type { Namespace } from "../../src/model/names.ts";
import { analyze, type Known } from "../../src/resources/analyze.ts";
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

test("a subset that no rule defines", () => {
  const rule = document("DestinationRule", "host: reviews\nsubsets: [{name: v1}]", named("r"));
  const asks = router("x", to("{host: reviews, subset: v2}"));
  assert.match(told(asks)[0] ?? "", /^MSH1403 .*no DestinationRule is for it/);
  assert.match(told(`${rule}---\n${asks}`)[0] ?? "", /^MSH1403 .*destinationrule shop\/r has none/);
  assert.deepEqual(told(`${rule}---\n${asks.replace("v2", "v1")}`), []);
  // The rule may be in the mesh already, and under a wildcard.
  const wide = parseGood(rule.replace("host: reviews", "host: '*.shop.svc.cluster.local'")).map(
    ({ resource }) => resource,
  );
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

test("two routers of one host where both apply; each names the other", () => {
  const [a, b] = [router("a", to("{host: reviews}")), router("b", to("{host: ratings}"))];
  assert.deepEqual(told(`${a}---\n${b}`), [
    "MSH1405 spec.hosts[0]: reviews.shop.svc.cluster.local is routed by virtualservice shop/b too; merge the two",
    "MSH1405 spec.hosts[0]: reviews.shop.svc.cluster.local is routed by virtualservice shop/a too; merge the two",
  ]);
  // One that is applied again is not its own rival, and other places are no conflict.
  const known = { services, resources: parseGood(a).map(({ resource }) => resource) };
  assert.deepEqual(told(a, known), []);
  assert.equal(told(b, known).length, 1);
  assert.deepEqual(
    told(
      `${a}---\n${b.replace("hosts:", "exportTo: [other]\n  hosts:")}`.replace("hosts:", "exportTo: ['.']\n  hosts:"),
    ),
    [],
  );
});

test("two rules of one host", () => {
  const rule = (name: string) => document("DestinationRule", "host: reviews\nsubsets: [{name: v1}]", named(name));
  assert.equal(told(`${rule("a")}---\n${rule("b")}`).length, 2);
});

test("what is stored and not understood is not judged", () => {
  const [good] = parseGood(router("a", to("{host: reviews}")));
  assert.ok(good);
  const newer = { ...good.resource, spec: { hosts: 1 } };
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
