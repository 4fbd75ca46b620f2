import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Namespace } from "../../src/model/names.ts";
import type { Resource } from "../../src/model/object.ts";
import { apiVersionsOf, kinds } from "../../src/resources/kinds/catalog.ts";
import { parseResources } from "../../src/resources/parse.ts";
import { printResource, printYaml } from "../../src/resources/print.ts";
import { toModel } from "../../src/resources/to_model.ts";
import { parseGood } from "./support/reading.ts";
import { arbitraryOf, good } from "./support/sample.ts";

const texts = (format: "labelKey" | "labelValue" | "annotationValue") => fc.constantFrom(...good[format]);
const metadata = fc.record(
  {
    name: fc.constantFrom("x", "0", "on", "1e3"),
    namespace: fc.constantFrom("default", "shop", "null").map((name) => name as Namespace),
    labels: fc.dictionary(texts("labelKey"), texts("labelValue"), { maxKeys: 2 }),
    annotations: fc.dictionary(texts("labelKey"), texts("annotationValue"), { maxKeys: 2 }),
  },
  { requiredKeys: ["name", "namespace"] },
);

// Of a Secret nothing is printed that could be parsed again.
for (const { kind, schema } of Object.values(kinds).filter(({ area }) => area !== "core")) {
  test(`${kind}: what is printed, parsed, is what was printed; and the model takes it`, () => {
    let accepted = 0;
    const resources: fc.Arbitrary<Resource> = fc.record({
      apiVersion: fc.constantFrom(...apiVersionsOf(kind)),
      kind: fc.constant(kind),
      metadata,
      spec: arbitraryOf(schema).map((spec) => ({ ...(spec as Record<string, unknown>) })),
    });
    fc.assert(
      fc.property(resources, fc.constantFrom("yaml", "json"), (resource, format) => {
        const printed = printResource(resource, format as "yaml" | "json");
        const { resources: back, problems } = parseResources({ text: printed });
        const errors = problems.filter(({ severity }) => severity === "error");
        // What the kind asks beyond its fields may refuse it; the fields themselves may not.
        assert.ok(
          errors.every(({ code }) => /^MSH1[35]/.test(code) || code === "MSH1210"),
          JSON.stringify(errors),
        );
        if (errors.length > 0) return;
        accepted += 1;
        assert.deepEqual(
          back.map((one) => JSON.parse(JSON.stringify(one.resource))),
          [JSON.parse(JSON.stringify(resource))],
        );
        for (const one of back) toModel({ resource: one.resource, generation: 1, createdAtMs: 0 });
      }),
      { numRuns: 400 },
    );
    assert.ok(accepted > 10, `${accepted} were accepted`);
  });
}

test("documents are parted, words that look like others are quoted, nothing is folded", () => {
  const long = "x ".repeat(200);
  assert.equal(
    printYaml([{ a: "on", b: "1", c: long.trim() }, { d: null }]),
    `a: "on"\nb: "1"\nc: ${long.trim()}\n---\nd: null\n`,
  );
});

test("a resource is printed in the order in which people write it", () => {
  const text =
    '{"kind":"Gateway","spec":{"servers":[{"hosts":["*"],"port":{"number":80,"name":"http","protocol":"HTTP"}}]},"metadata":{"namespace":"shop","name":"g"},"apiVersion":"networking.istio.io/v1"}';
  const [one] = parseGood(text);
  assert.ok(one);
  const lines = printResource(one.resource, "yaml").split("\n");
  assert.deepEqual(lines.slice(0, 6), [
    "apiVersion: networking.istio.io/v1",
    "kind: Gateway",
    "metadata:",
    "  name: g",
    "  namespace: shop",
    "spec:",
  ]);
});
