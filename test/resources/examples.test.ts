/** The files that users are given parse, and say what they promise. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import type { Namespace } from "../../src/model/names.ts";
import { analyze } from "../../src/resources/analyze.ts";
import { type Parsed, parseResources } from "../../src/resources/parse.ts";
import { toModel } from "../../src/resources/to_model.ts";

const root = new URL("../../", import.meta.url);
const services = ["productpage", "details", "reviews", "ratings"].map((name) => ({
  namespace: "default" as Namespace,
  name,
}));

function read(...files: readonly string[]): Parsed {
  return parseResources(files.map((file) => ({ file, text: readFileSync(new URL(file, root), "utf8") })));
}

for (const folder of ["examples", "examples/bookinfo", "examples/hello", "config"]) {
  for (const name of readdirSync(new URL(folder, root)).filter((one) => one.endsWith(".yaml"))) {
    const file = `${folder}/${name}`;
    test(`${file} is taken; only Kubernetes' own kinds are passed over`, () => {
      const { resources, problems } = read(file);
      assert.deepEqual(
        problems.filter(({ code }) => code !== "MSH1102"),
        [],
      );
      assert.ok(resources.length > 0);
    });
  }
}

test("examples/bookinfo.yaml: a cluster's kinds beside a gateway, a route and four rules, none of them dangling", () => {
  const { resources, ignored } = read("examples/bookinfo.yaml");
  const counts = Object.entries(Object.groupBy(ignored, ({ kind }) => kind)).map(([kind, of]) => [kind, of?.length]);
  assert.deepEqual(Object.fromEntries(counts), { ServiceAccount: 4, Service: 4, Deployment: 6 });
  assert.deepEqual(resources.map(({ resource }) => `${resource.kind}/${resource.metadata.name}`).sort(), [
    ...services.map(({ name }) => `DestinationRule/${name}`).sort(),
    "Gateway/bookinfo-gateway",
    "VirtualService/bookinfo",
  ]);
  assert.deepEqual(analyze(resources, { services }), []);
});

test("the splits of reviews stand on bookinfo's subsets", () => {
  const shop = read("examples/bookinfo.yaml").resources;
  const splits: Readonly<Record<string, Record<string, number>>> = {
    "90-10": { v1: 90, v3: 10 },
    "50-50": { v1: 50, v3: 50 },
    v3: { v3: 100 },
  };
  for (const [name, weights] of Object.entries(splits)) {
    const { resources } = read(`examples/reviews-${name}.yaml`);
    assert.deepEqual(analyze(resources, { services, resources: shop }), []);
    const [one] = resources;
    assert.ok(one);
    const object = toModel({ resource: one.resource, generation: 1, createdAtMs: 0 });
    assert.ok(object.kind === "VirtualService");
    const routes = object.http.flatMap(({ destinations }) =>
      destinations.map(({ subset, weight }) => [subset, weight]),
    );
    assert.deepEqual(Object.fromEntries(routes), weights);
  }
});

for (const [folder, rules] of [
  ["examples/bookinfo", "destination-rule-all.yaml"],
  ["examples/hello", "destination-rule.yaml"],
] as const) {
  test(`${folder}: nothing dangles beside its rules and its gateway`, () => {
    const beside = read(`${folder}/${rules}`, `${folder}/gateway.yaml`).resources;
    const known = { services: [...services, { namespace: "default" as Namespace, name: "hello" }], resources: beside };
    for (const name of readdirSync(new URL(folder, root)).filter((one) => one.endsWith(".yaml"))) {
      assert.deepEqual(analyze(read(`${folder}/${name}`).resources, known), [], name);
    }
  });
}

test("config/traffic-rules.yaml names only what bookinfo has", () => {
  const { resources } = read("config/traffic-rules.yaml");
  assert.deepEqual(analyze(resources, { services }), []);
});
