/** A kind's schema as JSON Schema (draft 2020-12), for editors and, later, CRDs. Pure. */
import type { ObjectKind } from "../model/object.ts";
import { apiVersionsOf, kinds } from "./kinds/catalog.ts";
import { metadataSchema } from "./metadata.ts";
import { type Format, formats } from "./schema/format.ts";
import { spellings } from "./schema/spelling.ts";
import { groupsOf, type ObjectSchema, type OneOf, type Schema } from "./schema/type.ts";

export type JsonSchema = Readonly<Record<string, unknown>>;

const durationPattern = "^(?:[0-9]+(?:\\.[0-9]+)?(?:h|ms|m|s|us|ns))+$";

export function jsonSchema(kind: ObjectKind): JsonSchema {
  const { schema, area } = kinds[kind];
  const apiVersions = apiVersionsOf(kind);
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: kind,
    description: schema.description,
    type: "object",
    required: ["apiVersion", "kind", "metadata"],
    properties: {
      apiVersion: { enum: apiVersions },
      kind: { const: kind },
      metadata: schemaOf(metadataSchema),
      ...(area === "core" ? propertiesOf(schema) : { spec: schemaOf(schema) }),
      status: {},
    },
    additionalProperties: false,
  };
}

function propertiesOf({ fields }: ObjectSchema): JsonSchema {
  return Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, schemaOf(field)]));
}

function schemaOf(schema: Schema): JsonSchema {
  const { description } = schema;
  switch (schema.type) {
    case "object": {
      const fields = Object.entries(schema.fields).filter(([, field]) => field.type !== "unsupported");
      const needed = schema.anyCase ? [] : fields.filter(([, field]) => field.required).map(([name]) => name);
      const named = fields.flatMap(([name, field]) =>
        (schema.anyCase ? spellings(name) : [name]).map((word) => [word, schemaOf(field)]),
      );
      return {
        description,
        type: "object",
        properties: Object.fromEntries(named),
        ...(needed.length > 0 ? { required: needed } : {}),
        ...(schema.notEmpty ? { minProperties: 1 } : {}),
        ...(schema.oneOf ? { allOf: groupsOf(schema).map(groupSchema) } : {}),
        additionalProperties: false,
      };
    }
    case "list":
      return { description, type: "array", items: schemaOf(schema.items), ...least("minItems", schema.minItems) };
    case "map":
      return {
        description,
        type: "object",
        propertyNames: formatOf(formats[schema.keys]),
        additionalProperties: schemaOf(schema.values),
        ...least("minProperties", schema.minItems),
      };
    case "string":
      return { description, type: "string", ...formatOf(formats[schema.format]) };
    case "enum":
      return { description, enum: Object.keys(schema.values) };
    case "integer":
      return {
        description,
        type: schema.quotable ? ["integer", "string"] : "integer",
        minimum: schema.min,
        maximum: schema.max,
        ...(schema.quotable ? { pattern: "^[0-9]+$" } : {}),
      };
    case "number":
      return { description, type: schema.type, minimum: schema.min, maximum: schema.max };
    case "duration":
      return { description, type: "string", pattern: durationPattern };
    case "boolean":
      return { description, type: "boolean" };
    case "unsupported":
      return nothing;
  }
}

function groupSchema({ fields, required }: OneOf): JsonSchema {
  const each = fields.map((name) => ({ required: [name] }));
  return { oneOf: required ? each : [...each, { not: { anyOf: each } }] };
}

/** Nothing is valid. */
const nothing: JsonSchema = { not: {} };

function formatOf({ pattern, maxLength }: Format): JsonSchema {
  return { ...(pattern ? { pattern: pattern.source } : {}), ...(maxLength === undefined ? {} : { maxLength }) };
}

function least(word: string, count: number | undefined): JsonSchema {
  return count === undefined ? {} : { [word]: count };
}
