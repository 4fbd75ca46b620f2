/** The rules of one field, as set in Envoy's API, and what a single value does against them. */
import { type DescField, isMessage } from "@bufbuild/protobuf";
import { isReflectMessage, type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { RE2JS } from "re2js";
import { type FieldRules, FieldRulesSchema, KnownRegex } from "#envoy/validate/validate_pb.js";

/** Rules that are set, by their names in validate.proto. They are proto2: unset and zero are two things. */
export class Rules {
  readonly #set: ReflectMessage;
  readonly #type: ReflectMessage | undefined;
  readonly #known = new Map<string, unknown>();
  readonly #inner = new Map<string, Rules | undefined>();

  constructor(rules: FieldRules) {
    this.#set = reflect(FieldRulesSchema, rules);
    const type = this.#set.oneofs[0] && this.#set.oneofCase(this.#set.oneofs[0]);
    const value = type && this.#set.get(type);
    this.#type = isReflectMessage(value) ? value : undefined;
  }

  /** message.required, or required of a duration, timestamp or Any. */
  get required(): boolean {
    return this.#flag("message", "required") || this.get("required") === true;
  }

  get skip(): boolean {
    return this.#flag("message", "skip");
  }

  /** A rule of the field's type; undefined: not set. */
  get(name: string): unknown {
    if (this.#known.has(name)) return this.#known.get(name);
    const field = this.#type?.fields.find((each) => each.name === name);
    const value = field && this.#type?.isSet(field) ? this.#type.get(field) : undefined;
    this.#known.set(name, value);
    return value;
  }

  list(name: string): readonly unknown[] {
    const value = this.get(name);
    return isIterable(value) ? [...value] : [];
  }

  /** Rules for what is inside: items of a list, keys and values of a map. */
  inner(name: "items" | "keys" | "values"): Rules | undefined {
    if (this.#inner.has(name)) return this.#inner.get(name);
    const value = this.get(name);
    const message = isReflectMessage(value) ? value.message : undefined;
    const rules = message && isMessage(message, FieldRulesSchema) ? new Rules(message) : undefined;
    this.#inner.set(name, rules);
    return rules;
  }

  #flag(part: string, name: string): boolean {
    const field = this.#set.fields.find((each) => each.name === part);
    const value = field && this.#set.isSet(field) ? this.#set.get(field) : undefined;
    if (!isReflectMessage(value)) return false;
    const inner = value.fields.find((each) => each.name === name);
    return inner !== undefined && value.isSet(inner) && value.get(inner) === true;
  }
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.iterator in value;
}

/** What is wrong with a number, text, bytes, truth value or enum value; undefined: nothing. */
export function scalarViolation(value: unknown, rules: Rules, field: DescField | undefined): string | undefined {
  const isEmpty = value === "" || value === 0 || value === 0n || value === false;
  if (rules.get("ignore_empty") === true && isEmpty) return undefined;
  const constant = rules.get("const");
  if (constant !== undefined && value !== constant) return `must be ${constant}`;
  const among = rules.list("in");
  if (among.length > 0 && !among.includes(value)) return `must be one of ${among.join(", ")}`;
  if (rules.list("not_in").includes(value)) return `must not be ${value}`;
  if (typeof value === "string") return textViolation(value, rules);
  if (value instanceof Uint8Array) return lengthViolation(BigInt(value.length), rules, "min_len", "max_len", "bytes");
  if (field && "enum" in field && field.enum && typeof value === "number" && rules.get("defined_only") === true) {
    return field.enum.value[value] === undefined ? `${value} is not a value of ${field.enum.typeName}` : undefined;
  }
  return typeof value === "number" || typeof value === "bigint" ? boundViolation(value, rules) : undefined;
}

type Size = number | bigint;

export function boundViolation(
  value: Size,
  rules: Rules,
  read: (bound: unknown) => Size | undefined = size,
): string | undefined {
  const [lt, lte, gt, gte] = ["lt", "lte", "gt", "gte"].map((name) => read(rules.get(name)));
  if (lt !== undefined && value >= lt) return `must be less than ${lt}`;
  if (lte !== undefined && value > lte) return `must be at most ${lte}`;
  if (gt !== undefined && value <= gt) return `must be greater than ${gt}`;
  if (gte !== undefined && value < gte) return `must be at least ${gte}`;
  return undefined;
}

function size(bound: unknown): Size | undefined {
  return typeof bound === "number" || typeof bound === "bigint" ? bound : undefined;
}

export function lengthViolation(
  length: bigint,
  rules: Rules,
  least: string,
  most: string,
  unit: string,
): string | undefined {
  const low = size(rules.get(least));
  const high = size(rules.get(most));
  if (low !== undefined && length < low) return `needs at least ${low} ${unit}, has ${length}`;
  return high !== undefined && length > high ? `takes at most ${high} ${unit}, has ${length}` : undefined;
}

function textViolation(value: string, rules: Rules): string | undefined {
  const text = (name: string): string | undefined => {
    const found = rules.get(name);
    return typeof found === "string" ? found : undefined;
  };
  const [prefix, suffix, contains, without, pattern] = [
    text("prefix"),
    text("suffix"),
    text("contains"),
    text("not_contains"),
    text("pattern"),
  ];
  const characters = BigInt([...value].length);
  const bytes = BigInt(new TextEncoder().encode(value).length);
  const badLength =
    lengthViolation(characters, rules, "min_len", "max_len", "characters") ??
    lengthViolation(bytes, rules, "min_bytes", "max_bytes", "bytes");
  if (badLength) return badLength;
  if (prefix !== undefined && !value.startsWith(prefix)) return `must begin with ${prefix}`;
  if (suffix !== undefined && !value.endsWith(suffix)) return `must end in ${suffix}`;
  if (contains !== undefined && !value.includes(contains)) return `must contain ${contains}`;
  if (without !== undefined && value.includes(without)) return `must not contain ${without}`;
  if (pattern !== undefined && !compiled(pattern).matcher(value).find()) return `must match ${pattern}`;
  return headerViolation(value, rules);
}

/** As many as the API has. */
const patterns = new Map<string, RE2JS>();

function compiled(pattern: string): RE2JS {
  const found = patterns.get(pattern) ?? RE2JS.compile(pattern);
  patterns.set(pattern, found);
  return found;
}

const headerName = /^:?[0-9a-zA-Z!#$%&'*+\-.^_|~`]+$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the rule is about control characters
const headerValue = /^[^\u0000-\u0008\u000A-\u001F\u007F]*$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: the rule is about control characters
const looseHeader = /^[^\u0000\u000A\u000D]*$/;

function headerViolation(value: string, rules: Rules): string | undefined {
  const known = rules.get("well_known_regex");
  if (known !== KnownRegex.HTTP_HEADER_NAME && known !== KnownRegex.HTTP_HEADER_VALUE) return undefined;
  const strict = known === KnownRegex.HTTP_HEADER_NAME ? headerName : headerValue;
  const pattern = rules.get("strict") === false ? looseHeader : strict;
  return pattern.test(value) ? undefined : "has characters that an HTTP header cannot have";
}
