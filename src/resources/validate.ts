/**
 * Judges a located value by a schema: tells all that is wrong, and answers the plain data when nothing is. What a kind
 * asks beyond its fields stands in its rules (kinds/*.rules.ts). Called by parse.ts, and by to_model.ts for what the
 * store holds.
 */
import { type FieldPath, fieldOf, type Node } from "./document/node.ts";
import { suggestion } from "./nearest.ts";
import type { ProblemCode } from "./problem_codes.ts";
import { durationMs, isZero } from "./schema/duration.ts";
import { checkFormat, shown, unsupportedForm } from "./schema/format.ts";
import { spellings } from "./schema/spelling.ts";
import {
  type EnumSchema,
  groupsOf,
  type Infer,
  type IntegerSchema,
  type ListSchema,
  type MapSchema,
  type NumberSchema,
  type ObjectSchema,
  type Schema,
  type StringSchema,
} from "./schema/type.ts";

/** Takes what is wrong at a path. */
export type Tell = (path: FieldPath, code: ProblemCode, message: string) => void;

export interface At {
  readonly path: FieldPath;
  readonly tell: Tell;
}

/** undefined: something was wrong, and told. What comes back has the schema's type. */
export function validate<S>(schema: S & Schema, node: Node, at: At): Infer<S> | undefined;
export function validate(schema: Schema, node: Node, { path, tell }: At): unknown {
  const validation = new Validation(tell);
  const value = validation.value(schema, node, path);
  return validation.good ? value : undefined;
}

class Validation {
  good = true;
  readonly #tell: Tell;

  constructor(tell: Tell) {
    this.#tell = tell;
  }

  value(schema: Schema, node: Node, path: FieldPath): unknown {
    switch (schema.type) {
      case "object":
        return this.#object(schema, node, path);
      case "list":
        return this.#list(schema, node, path);
      case "map":
        return this.#map(schema, node, path);
      case "string":
        return this.#string(schema, node, path);
      case "enum":
        return this.#enum(schema, node, path);
      case "number":
        return this.#number(schema, node, path);
      case "integer":
        return this.#integer(schema, node, path);
      case "duration": {
        const text = this.#text(node, path, " such as 10s");
        if (text !== undefined && schema.zero !== undefined && isZero(text)) return text;
        const wrong = text === undefined ? undefined : durationMs(text);
        if (typeof wrong !== "string") return text;
        return this.#wrong(path, "MSH1208", `${shown(text ?? "")} ${wrong}`);
      }
      case "boolean":
        return node.kind === "boolean" ? node.value : this.#wrongType(path, "true or false", node);
      case "unsupported":
        return this.#wrong(path, "MSH1202", schema.reason ?? "is not supported yet; leave it out");
    }
  }

  #object(schema: ObjectSchema, node: Node, path: FieldPath): unknown {
    if (node.kind !== "map") return this.#wrongType(path, "an object", node);
    const value: Record<string, unknown> = {};
    for (const [written, entry] of node.entries) {
      const name = nameOf(schema, written);
      const field = name === undefined ? undefined : schema.fields[name];
      const at = [...path, written];
      if (name === undefined || !field) this.#unknown(schema, written, at);
      else if (Object.hasOwn(value, name))
        this.#wrong(at, "MSH1209", `says ${name} a second time; keep one of the two`);
      // As for Kubernetes, null is as good as absent.
      else if (entry.value.kind !== "null") value[name] = this.value(field, entry.value, at);
    }
    const set = (name: string) => waysToWrite(schema, name).some((word) => fieldOf(node, word) !== undefined);
    for (const [name, field] of Object.entries(schema.fields)) {
      if (field.required && !set(name)) this.#wrong([...path, name], "MSH1204", `is missing: ${field.description}`);
      if (field.deprecated && set(name)) this.#tell([...path, name], "MSH1212", `is old; use ${field.deprecated}`);
    }
    for (const { fields, required } of groupsOf(schema)) {
      const chosen = fields.filter(set);
      const names = fields.join(", ");
      if (chosen.length > 1) this.#wrong(path, "MSH1209", `takes only one of ${names}`);
      else if (required && chosen.length === 0) this.#wrong(path, "MSH1209", `needs one of ${names}`);
    }
    const empty = !Object.keys(schema.fields).some(set);
    if (schema.notEmpty && empty) {
      const names = Object.keys(schema.fields).filter((name) => schema.fields[name]?.type !== "unsupported");
      this.#wrong(path, "MSH1210", `must not be empty; it takes ${names.join(", ")}`);
    }
    return value;
  }

  #unknown(schema: ObjectSchema, name: string, path: FieldPath): void {
    const names = Object.keys(schema.fields);
    this.#wrong(path, "MSH1201", `there is no field ${shown(name)} here${suggestion(name, names)}`);
  }

  #list(schema: ListSchema, node: Node, path: FieldPath): unknown {
    if (node.kind !== "list") return this.#wrongType(path, "a list", node);
    if (node.items.length < (schema.minItems ?? 0)) return this.#wrong(path, "MSH1210", "must have at least one item");
    return node.items.map((item, index) => {
      const at = [...path, index];
      return item.kind === "null"
        ? this.#wrong(at, "MSH1211", "is null; write the item, or remove its '-'")
        : this.value(schema.items, item, at);
    });
  }

  #map(schema: MapSchema, node: Node, path: FieldPath): unknown {
    if (node.kind !== "map") return this.#wrongType(path, "an object", node);
    if (node.entries.size < (schema.minItems ?? 0)) return this.#wrong(path, "MSH1210", "must have at least one entry");
    const entries: [string, unknown][] = [];
    for (const [key, { value }] of node.entries) {
      const at = [...path, key];
      const wrong = key === "__proto__" ? "is not taken as a name" : checkFormat(schema.keys, key);
      if (wrong !== undefined) this.#wrong(at, "MSH1207", `its name ${wrong}`);
      else if (value.kind === "null") this.#wrong(at, "MSH1211", "has no value");
      else entries.push([key, this.value(schema.values, value, at)]);
    }
    // Own properties, whatever the names.
    return Object.fromEntries(entries);
  }

  #enum(schema: EnumSchema, node: Node, path: FieldPath): unknown {
    const text = this.#text(node, path);
    if (text === undefined) return undefined;
    if (Object.hasOwn(schema.values, text)) {
      const instead = Object.entries(schema.deprecatedValues ?? {}).find(([old]) => old === text)?.[1];
      if (instead) this.#tell(path, "MSH1212", `${text} is the old name; use ${instead}`);
      return text;
    }
    const words = Object.keys(schema.values);
    if (schema.unsupportedValues && Object.hasOwn(schema.unsupportedValues, text)) {
      return this.#wrong(path, "MSH1202", `${text} is not supported yet; ${words.join(", ")} are`);
    }
    return this.#wrong(path, "MSH1205", `${shown(text)} must be one of ${words.join(", ")}`);
  }

  #integer(schema: IntegerSchema, node: Node, path: FieldPath): unknown {
    if (node.kind === "number" && !Number.isInteger(node.value))
      return this.#wrong(path, "MSH1203", `must be a whole number, not ${node.source.slice(0, 32)}`);
    return this.#number(schema, node, path);
  }

  #number(schema: IntegerSchema | NumberSchema, node: Node, path: FieldPath): unknown {
    if (schema.type === "integer" && schema.quotable && node.kind === "string" && /^\d{1,15}$/.test(node.value)) {
      const number = { kind: "number", value: Number(node.value), source: node.value, offset: node.offset } as const;
      return this.#number(schema, number, path);
    }
    if (node.kind !== "number") {
      const quoted = node.kind === "string" && /^-?\d+$/.test(node.value);
      const wanted = schema.type === "integer" ? "a whole number" : "a number";
      return this.#wrongType(path, quoted ? "a number, without quotes" : wanted, node);
    }
    const { value, source } = node;
    if (value >= schema.min && value <= schema.max) return value;
    return this.#wrong(path, "MSH1206", `must be from ${schema.min} to ${schema.max}, not ${source.slice(0, 32)}`);
  }

  #text(node: Node, path: FieldPath, example = ""): string | undefined {
    if (node.kind === "string") return node.value;
    const scalar = node.kind === "number" ? node.source : node.kind === "boolean" ? String(node.value) : undefined;
    // Such as `version: 1`, or a port in a policy: most often the quotes are all that is missing.
    const quotes = scalar === undefined || example !== "" ? "" : ` in quotes: ${shown(scalar)}`;
    this.#wrongType(path, `text${example}${quotes}`, node);
    return undefined;
  }

  #string({ format }: StringSchema, node: Node, path: FieldPath): unknown {
    const text = this.#text(node, path);
    if (text === undefined) return undefined;
    const later = unsupportedForm(format, text);
    if (later !== undefined) return this.#wrong(path, "MSH1202", later);
    const wrong = checkFormat(format, text);
    return wrong === undefined ? text : this.#wrong(path, "MSH1207", wrong);
  }

  #wrongType(path: FieldPath, wanted: string, node: Node): undefined {
    return this.#wrong(path, "MSH1203", `must be ${wanted}, not ${typeName(node)}`);
  }

  #wrong(path: FieldPath, code: ProblemCode, message: string): undefined {
    this.good = false;
    this.#tell(path, code, message);
  }
}

/** The field that is meant; undefined: none. */
function nameOf({ fields, anyCase }: ObjectSchema, written: string): string | undefined {
  if (Object.hasOwn(fields, written)) return written;
  return anyCase ? Object.keys(fields).find((field) => spellings(field).includes(written)) : undefined;
}

function waysToWrite({ anyCase }: ObjectSchema, field: string): readonly string[] {
  return anyCase ? spellings(field) : [field];
}

function typeName(node: Node): string {
  switch (node.kind) {
    case "map":
      return "an object";
    case "list":
      return "a list";
    case "null":
      return "null";
    case "string":
      return `the text ${shown(node.value)}`;
    case "number":
      return `the number ${node.source.slice(0, 32)}`;
    case "boolean":
      return String(node.value);
  }
}
