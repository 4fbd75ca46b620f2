/** What else comes from the schemas: words, JSON Schema, the names of kinds; and the parts under them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { explainSchema } from "../../src/resources/explain.ts";
import { jsonSchema } from "../../src/resources/json_schema.ts";
import { kindFrom, kinds } from "../../src/resources/kinds/catalog.ts";
import { editDistance, nearest } from "../../src/resources/nearest.ts";
import { durationMs } from "../../src/resources/schema/duration.ts";
import type { Schema } from "../../src/resources/schema/type.ts";

test("a kind by any of its names, with any of its groups", () => {
  for (const word of [
    "VirtualService",
    "virtualservices",
    "vs",
    "VS",
    "vs.networking.istio.io",
    "virtualservice.networking.mesh.io",
  ]) {
    assert.equal(kindFrom(word), "VirtualService", word);
  }
  assert.deepEqual(["pa", "ap", "dr", "gw", "workloads", "svc"].map(kindFrom), [
    "PeerAuthentication",
    "AuthorizationPolicy",
    "DestinationRule",
    "Gateway",
    "Workload",
    "Service",
  ]);
  for (const word of ["", "virtual", "vs.security.mesh.io", "constructor", "vs."])
    assert.equal(kindFrom(word), undefined, word);
});

test("explain says a field's words, type, default and what is not supported yet", () => {
  const field = explainSchema("VirtualService", ["spec", "http", "retries", "attempts"]);
  assert.ok(field.kind === "found");
  assert.match(field.text, /FIELD: {4}spec\.http\.retries\.attempts <integer>/);
  assert.match(field.text, /From 0 to 1000/);
  const http = explainSchema("VirtualService", ["http"]);
  assert.ok(http.kind === "found");
  assert.match(http.text, /timeout <duration>/);
  const fixed = explainSchema("VirtualService", ["http", "directResponse", "body"]);
  assert.ok(fixed.kind === "found" && /NOT SUPPORTED YET .*bytes/.test(fixed.text));
  const mode = explainSchema("PeerAuthentication", ["mtls", "mode"]);
  assert.ok(mode.kind === "found" && /STRICT: mTLS only/.test(mode.text));
  assert.deepEqual(explainSchema("VirtualService", ["spec", "htp"]), {
    kind: "unknown",
    message: "VirtualService.spec has no field htp; did you mean http?",
  });
  assert.equal(explainSchema("VirtualService", ["constructor"]).kind, "unknown");
});

test("every field and word of every kind is explained", () => {
  const walk = (schema: Schema, at: string): void => {
    assert.match(schema.description, /^[A-Zh].*\.$/, at);
    if (schema.type === "object")
      for (const [name, field] of Object.entries(schema.fields)) walk(field, `${at}.${name}`);
    if (schema.type === "list") walk(schema.items, `${at}[]`);
    if (schema.type === "map") walk(schema.values, `${at}.*`);
    if (schema.type === "enum")
      for (const [word, meaning] of Object.entries(schema.values)) assert.ok(meaning, `${at}=${word}`);
  };
  for (const { kind, schema } of Object.values(kinds)) walk(schema, kind);
});

test("JSON Schema has the fields, without those that are not supported", () => {
  const text = JSON.stringify(jsonSchema("DestinationRule"));
  assert.match(text, /"maxConnections":\{[^}]*"type":"integer","minimum":0/);
  assert.match(text, /"networking\.istio\.io\/v1alpha3"/);
  assert.doesNotMatch(text, /tunnel/);
});

test("durations, as Istio's users write them", () => {
  const good: readonly [string, number][] = [
    ["1s", 1_000],
    ["1h2m3.5s", 3_723_500],
    ["250ms", 250],
    ["0.001s", 1],
    ["1000us", 1],
  ];
  for (const [text, ms] of good) assert.equal(durationMs(text), ms, text);
  for (const text of [
    "",
    "1",
    "s",
    "-1s",
    "1.5ms",
    "0s",
    "1 s",
    "1d",
    "1S",
    "1s ",
    "999999999h999999999h",
    "9".repeat(400),
  ]) {
    assert.equal(typeof durationMs(text), "string", text);
  }
});

test("the nearest name is what was meant, and nothing when nothing is near", () => {
  const names = ["timeout", "retries", "route", "match", "ignoreUriCase"];
  assert.equal(nearest("timout", names), "timeout");
  assert.equal(nearest("ignore_uri_case", names), "ignoreUriCase");
  assert.equal(nearest("Retries", names), "retries");
  assert.equal(nearest("zzzzzz", names), undefined);
  assert.equal(nearest("x", names), undefined);
});

test("edit distance is a metric: symmetric, zero for itself alone, one for one edit", () => {
  const word = fc.string({ maxLength: 12 });
  fc.assert(
    fc.property(word, word, (a, b) => {
      assert.equal(editDistance(a, b), editDistance(b, a));
      assert.equal(editDistance(a, b) === 0, a === b);
      assert.equal(editDistance(a, `${a}x`), 1);
    }),
  );
});
