/** A kind's schema in words, for `meshctl explain KIND[.FIELD…]`. Pure. */
import type { ObjectKind } from "../model/object.ts";
import { apiVersionOf, kinds } from "./kinds/catalog.ts";
import { metadataSchema } from "./metadata.ts";
import { suggestion } from "./nearest.ts";
import { formats } from "./schema/format.ts";
import { spellings } from "./schema/spelling.ts";
import { object, required, type Schema } from "./schema/type.ts";

export type Explanation =
  | { readonly kind: "found"; readonly text: string }
  | { readonly kind: "unknown"; readonly message: string };

/** @param path field names below the kind: ["spec", "http"]; `spec` may be left out. */
export function explainSchema(kind: ObjectKind, path: readonly string[]): Explanation {
  const { schema: own, area } = kinds[kind];
  const below = area === "core" ? own.fields : { spec: required(own) };
  const whole: Schema = object({ description: own.description, fields: { metadata: metadataSchema, ...below } });
  const [first] = path;
  const isWhole = first === undefined || first === "spec" || first === "metadata" || area === "core";
  const steps = isWhole ? path : ["spec", ...path];
  let schema: Schema = whole;
  for (const [index, step] of steps.entries()) {
    const fields = fieldsOf(schema);
    const name: string = anyCaseIn(schema)
      ? (Object.keys(fields).find((one) => spellings(one).includes(step)) ?? step)
      : step;
    const next: Schema | undefined = Object.hasOwn(fields, name) ? fields[name] : undefined;
    if (!next) {
      const where = [kind, ...steps.slice(0, index)].join(".");
      return {
        kind: "unknown",
        message: `${where} has no field ${step.slice(0, 64)}${suggestion(step, Object.keys(fields))}`,
      };
    }
    schema = next;
  }
  return { kind: "found", text: describe(kind, steps, schema) };
}

/** Through lists and maps: what a user reaches by naming a field. */
function fieldsOf(schema: Schema): Readonly<Record<string, Schema>> {
  if (schema.type === "object") return schema.fields;
  if (schema.type === "list") return fieldsOf(schema.items);
  return schema.type === "map" ? fieldsOf(schema.values) : {};
}

function anyCaseIn(schema: Schema): boolean {
  if (schema.type === "list") return anyCaseIn(schema.items);
  return schema.type === "object" && schema.anyCase === true;
}

function describe(kind: ObjectKind, path: readonly string[], schema: Schema): string {
  const lines = [`KIND:     ${kind}`, `VERSION:  ${apiVersionOf(kind)}`, ""];
  if (path.length > 0) lines.push(`FIELD:    ${path.join(".")} <${typeOf(schema)}>`, "");
  lines.push(schema.description, ...facts(schema), ...words(schema));
  const fields = Object.entries(fieldsOf(schema));
  const here = fields.filter(([, field]) => field.type !== "unsupported");
  const later = fields.filter(([, field]) => field.type === "unsupported");
  if (here.length > 0) lines.push("", "FIELDS:", ...here.flatMap(([name, field]) => fieldLines(name, field)));
  if (later.length > 0)
    lines.push("", `NOT SUPPORTED YET (naming one is an error): ${later.map(([name]) => name).join(", ")}`);
  return `${lines.join("\n")}\n`;
}

function fieldLines(name: string, field: Schema): readonly string[] {
  const must = field.required ? " -required-" : "";
  return [
    `  ${name} <${typeOf(field)}>${must}`,
    `    ${field.description}`,
    ...facts(field).map((fact) => `    ${fact}`),
  ];
}

function facts(schema: Schema): readonly string[] {
  return [
    ...(schema.type === "string" ? [`Form: ${formats[schema.format].wants}.`] : []),
    ...(schema.type === "integer" || schema.type === "number" ? [`From ${schema.min} to ${schema.max}.`] : []),
    ...(schema.type === "integer" && schema.quotable ? ["Also in quotes."] : []),
    ...(schema.type === "object" && schema.anyCase ? ["Names of its fields also in camelCase and PascalCase."] : []),
    ...(schema.unit === undefined ? [] : [`Unit: ${schema.unit}.`]),
    ...(schema.type === "duration" && schema.zero !== undefined ? [`0s: ${schema.zero}.`] : []),
    ...(schema.default === undefined ? [] : [`Default: ${schema.default}.`]),
    ...(schema.deprecated === undefined ? [] : [`Old; use ${schema.deprecated}.`]),
  ];
}

/** The words of an enum. */
function words(schema: Schema): readonly string[] {
  if (schema.type !== "enum") return [];
  const later = Object.entries(schema.unsupportedValues ?? {});
  return [
    "",
    "VALUES:",
    ...Object.entries(schema.values).map(([word, meaning]) => `  ${word}: ${meaning}`),
    ...later.map(([word, meaning]) => `  ${word} (not supported yet): ${meaning}`),
  ];
}

function typeOf(schema: Schema): string {
  switch (schema.type) {
    case "list":
      return `list of ${typeOf(schema.items)}`;
    case "map":
      return `map of ${typeOf(schema.values)}`;
    case "enum":
      return Object.keys(schema.values).join("|");
    case "unsupported":
      return "not supported yet";
    default:
      return schema.type;
  }
}
