/** HOSTILE.md, 'Input': a clear error that names the place, and nothing else. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { limits } from "../../src/platform/limits.ts";
import { kinds } from "../../src/resources/kinds/catalog.ts";
import { parseResources } from "../../src/resources/parse.ts";
import { groupsOf, type Schema } from "../../src/resources/schema/type.ts";
import { brief, document, errorsOf, onlyError } from "./support/reading.ts";
import { fullSample } from "./support/sample.ts";

const router = document("VirtualService", "hosts: [reviews]\nhttp: [{route: [{destination: {host: reviews}}]}]");

test("an alias bomb is stopped while it expands", () => {
  const levels = ["a: &a [x, x, x, x, x, x, x, x, x, x]"];
  for (let level = 1; level < 10; level += 1) {
    const [before, name] = ["abcdefghij"[level - 1], "abcdefghij"[level]];
    levels.push(`${name}: &${name} [${Array(10).fill(`*${before}`).join(", ")}]`);
  }
  assert.equal(onlyError(levels.join("\n")).code, "MSH1004");
  assert.equal(onlyError("a: &a [*a]").code, "MSH1004");
  assert.equal(onlyError("a: *nowhere").code, "MSH1002");
});

test("a big anchor repeated is counted by its values", () => {
  const big = `a: &a [${"1,".repeat(10_000)}]\nb: [${"*a,".repeat(90)}]`;
  assert.equal(onlyError(big).code, "MSH1004");
});

test("10 MB are refused before they are parsed", () => {
  assert.equal(onlyError(`a: ${"x".repeat(10 * 1024 * 1024)}`).code, "MSH1001");
  // Small in bytes and long for a parser.
  assert.equal(onlyError(`[${"1,".repeat(limits.yamlTokens)}]`).code, "MSH1001");
});

test("depth 1,000 and 1,000,000 are refused at their line", () => {
  const indented = Array.from({ length: 1_000 }, (_, depth) => `${" ".repeat(depth)}a:`).join("\n");
  const deep = ["[".repeat(1_000), "- ".repeat(1_000), '{"a":'.repeat(1_000_000), "? ".repeat(1_000), indented];
  for (const text of deep) assert.equal(onlyError(text).code, "MSH1003", text.slice(0, 20));
  assert.equal(onlyError(indented).position?.line, limits.yamlDepth + 1);
});

test("as deep as the limit allows is read, and is then no resource", () => {
  const text = `${"[".repeat(limits.yamlDepth)}${"]".repeat(limits.yamlDepth)}`;
  assert.equal(onlyError(text).code, "MSH1101");
});

test("duplicate keys are refused, and 50,000 different ones cost no quadratic time", () => {
  const error = onlyError(router.replace("hosts:", "hosts: [ratings]\n  hosts:"));
  assert.equal(error.code, "MSH1005");
  assert.deepEqual(error.position, { file: "a.yaml", line: 6, column: 3 });
  const many = Array.from({ length: 50_000 }, (_, index) => `k${index}: 1`).join("\n");
  assert.equal(onlyError(many).code, "MSH1101");
});

test("__proto__ is no name, constructor is one like others, and no prototype is touched", () => {
  const header = (name: string) =>
    document(
      "VirtualService",
      `hosts: [a]\nhttp: [{match: [{headers: {${name}: {exact: x}}}], route: [{destination: {host: a}}]}]`,
    );
  assert.equal(onlyError(header("__proto__")).code, "MSH1006");
  assert.equal(onlyError(`${router}__proto__: {polluted: true}\n`).code, "MSH1006");
  const { resources, problems } = parseResources({ text: header("constructor") });
  assert.deepEqual(problems, []);
  assert.match(JSON.stringify(resources[0]?.resource.spec), /"headers":\{"constructor":\{"exact":"x"\}\}/);
  assert.equal(onlyError(`${router}constructor: {}\n`).code, "MSH1201");
  assert.equal(onlyError(`${router}toString: {}\n`).code, "MSH1201");
  assert.equal(Reflect.get({}, "polluted"), undefined);
});

const wrongValues: readonly unknown[] = [
  1,
  -1,
  1.5,
  true,
  "",
  "\u0000",
  [],
  [null],
  {},
  { x: 1 },
  [[]],
  "x".repeat(5_000),
];

// What is wrong in Kubernetes' own is told in secrets.test.ts.
for (const { kind, schema } of Object.values(kinds).filter(({ area }) => area !== "core")) {
  test(`${kind}: a wrong value in any field is an error at that field, or one that it takes`, () => {
    const spec = fullSample(schema);
    let refused = 0;
    for (const { path, wants } of pathsOf(schema)) {
      for (const value of wrongValues) {
        const text = JSON.stringify({
          apiVersion: `${kinds[kind].area}.mesh.io/v1`,
          kind,
          metadata: { name: "x" },
          spec: replaced(spec, path, value),
        });
        const at = `spec${path.map((step) => (typeof step === "number" ? `[${step}]` : `.${step}`)).join("")}`;
        const errors = errorsOf(text);
        if (typeOfJson(value) === wants) continue;
        const here = errors.some(
          ({ field }) => field === at || field?.startsWith(`${at}.`) || field?.startsWith(`${at}[`),
        );
        assert.ok(here, `${at} = ${JSON.stringify(value).slice(0, 20)}: ${brief(errors)}`);
        refused += 1;
      }
    }
    assert.ok(refused > 40, `${refused} refusals`);
  });
}

test("numbers that are none: NaN, infinity, too large", () => {
  for (const weight of [".nan", ".inf", "-.inf", "1e400", "99999999999999999999", "0x7fffffffff", "1.5"]) {
    const error = onlyError(router.replace("{host: reviews}", `{host: reviews}, weight: ${weight}`));
    assert.equal(error.field, "spec.http[0].route[0].weight", weight);
  }
});

test("names with .., /, NUL, of 300 characters, of other scripts are refused", () => {
  const names = [
    "..",
    "a..b",
    "../x",
    "a/b",
    "a\u0000b",
    "x".repeat(300),
    "réviews",
    "ревью",
    "A",
    "-a",
    "a-",
    "a_b",
    "",
    " ",
  ];
  for (const name of names) {
    const quoted = JSON.stringify(name);
    assert.equal(onlyError(router.replace("name: x", `name: ${quoted}`)).field, "metadata.name", quoted);
    const namespace = onlyError(router.replace("namespace: shop", `namespace: ${quoted}`));
    assert.equal(namespace.field, "metadata.namespace", quoted);
    if (name === "A") continue;
    assert.equal(
      onlyError(router.replace("host: reviews", `host: ${quoted}`)).field,
      "spec.http[0].route[0].destination.host",
    );
    assert.equal(onlyError(router.replace("hosts: [reviews]", `hosts: [${quoted}]`)).field, "spec.hosts[0]", quoted);
  }
});

test("host * only where it may be, and as a whole label only", () => {
  assert.equal(onlyError(router.replace("hosts: [reviews]", "hosts: ['*']")).code, "MSH1301");
  assert.equal(onlyError(router.replace("host: reviews", "host: '*'")).field, "spec.http[0].route[0].destination.host");
  for (const host of ["a.*.com", "*a.com", "a*.com", "**", "*.*", "*.", "*-a.com"]) {
    assert.equal(onlyError(router.replace("hosts: [reviews]", `hosts: ['${host}']`)).code, "MSH1207", host);
  }
  const atGateway = router.replace("hosts: [reviews]", "hosts: ['*']\n  gateways: [edge]");
  assert.deepEqual(errorsOf(atGateway), []);
  assert.equal(onlyError(atGateway.replace("[edge]", "[edge, mesh]")).code, "MSH1301");
});

test("regular expressions: RE2's, bounded in length and program", () => {
  const match = (regex: string) =>
    document(
      "VirtualService",
      `hosts: [a]\nhttp: [{match: [{uri: {regex: ${JSON.stringify(regex)}}}], route: [{destination: {host: a}}]}]`,
    );
  const refused = [
    "",
    "(",
    "a{2000}",
    "(?=x)",
    "\\1",
    "(?<=a)b",
    "x".repeat(1_025),
    "(\\w{1000})".repeat(20),
    "\\x{10ffff}",
  ];
  for (const regex of refused) {
    const error = onlyError(match(regex));
    assert.equal(error.field, "spec.http[0].match[0].uri.regex", regex);
  }
  // Catastrophic elsewhere, linear for RE2.
  for (const regex of ["(x+x+)+y", "(a|a)*b", "^/v[0-9]+/.*$", "(?i)ABC"])
    assert.deepEqual(errorsOf(match(regex)), [], regex);
});

test("problems are capped, errors never hidden by warnings, and what is hidden is counted", () => {
  const warning = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n---\n";
  const text = `${warning.repeat(120)}${router.replace("host: reviews", "host: ''")}`;
  const { problems } = parseResources({ text });
  assert.equal(problems.filter(({ severity }) => severity === "warning").length, limits.problemsTold);
  assert.equal(problems.filter(({ severity }) => severity === "error").length, 1);
  assert.match(problems.at(-1)?.message ?? "", /70 more warnings/);
});

test("more documents than an apply takes are refused with the figure", () => {
  const many = Array.from({ length: limits.applyDocuments + 5 }, (_, index) =>
    router.replace("name: x", `name: x${index}`),
  );
  const error = onlyError(many.join("---\n"));
  assert.equal(error.code, "MSH1007");
  assert.match(error.message, new RegExp(String(limits.applyDocuments)));
});

test("text that is no YAML is told with its line", () => {
  for (const text of ["a: [1, 2\nb: 3", "a: 'x\nb: 1", "\ta: 1", "a: b: c", "{a: 1"]) {
    const errors = errorsOf(text);
    assert.ok(errors.length > 0 && errors.every(({ code, position }) => code === "MSH1002" && position), text);
  }
  for (const text of ["", "\n", "---\n---\n", "# only a comment", "\u{feff}"])
    assert.deepEqual(errorsOf(text), [], text);
  assert.deepEqual(errorsOf(`\u{feff}${router}`), []);
});

interface FieldOfSchema {
  readonly path: readonly (string | number)[];
  readonly wants: string;
}

/** Every place of the full sample. */
function pathsOf(schema: Schema, path: readonly (string | number)[] = []): readonly FieldOfSchema[] {
  switch (schema.type) {
    case "object": {
      const left = groupsOf(schema).flatMap(({ fields }) => fields.slice(1));
      return Object.entries(schema.fields)
        .filter(([name, field]) => field.type !== "unsupported" && !left.includes(name))
        .flatMap(([name, field]) => [
          { path: [...path, name], wants: wantsOf(field) },
          ...pathsOf(field, [...path, name]),
        ]);
    }
    case "list":
      return [{ path: [...path, 0], wants: wantsOf(schema.items) }, ...pathsOf(schema.items, [...path, 0])];
    default:
      return [];
  }
}

function wantsOf(schema: Schema): string {
  const types: Partial<Record<Schema["type"], string>> = {
    object: "object",
    map: "object",
    list: "array",
    integer: "number",
    number: "number",
    boolean: "boolean",
  };
  return types[schema.type] ?? "string";
}

function typeOfJson(value: unknown): string {
  return Array.isArray(value) ? "array" : typeof value;
}

function replaced(value: unknown, [step, ...rest]: readonly (string | number)[], by: unknown): unknown {
  if (step === undefined) return by;
  if (Array.isArray(value)) return value.map((item, index) => (index === step ? replaced(item, rest, by) : item));
  const fields = Object.entries(value ?? {});
  return Object.fromEntries(fields.map(([name, item]) => [name, name === step ? replaced(item, rest, by) : item]));
}
