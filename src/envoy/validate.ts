/**
 * Whether Envoy would take a message, as far as its own rules say: the validate.rules options of its API, which its
 * generated code checks before anything else. Called by admission before a write is committed.
 *
 * Covers numbers, text, bytes, enums, messages, lists, maps, durations, Any (also what is inside) and required oneofs:
 * what the API uses. Rules of validate.proto that it does not use here (email, uuid, timestamps) are not looked at.
 */
import {
  type DescField,
  type DescMessage,
  type DescOneof,
  getOption,
  hasOption,
  isMessage,
  type Message,
} from "@bufbuild/protobuf";
import {
  isReflectList,
  isReflectMap,
  isReflectMessage,
  type ReflectMessage,
  reflect,
} from "@bufbuild/protobuf/reflect";
import { type Any, AnySchema, anyUnpack, type Duration, DurationSchema, isWrapperDesc } from "@bufbuild/protobuf/wkt";
import { disabled, required, rules as rulesOption } from "#envoy/validate/validate_pb.js";
import type { Item } from "../compile/ir.ts";
import { keepNewest } from "../platform/keep_newest.ts";
import { limits } from "../platform/limits.ts";
import { encode } from "./encode.ts";
import { decoded } from "./print.ts";
import { registry } from "./registry.ts";
import { boundViolation, lengthViolation, Rules, scalarViolation } from "./validate_rules.ts";

export interface Violation {
  /** virtual_hosts[0].routes[1].route.weighted_clusters.clusters[0].weight */
  readonly path: string;
  readonly message: string;
}

/** Empty: nothing to object. */
export function validateItem(item: Item): readonly Violation[] {
  const { schema, message } = decoded(encode(item));
  return validateMessage(schema, message);
}

export function validateMessage(schema: DescMessage, message: Message): readonly Violation[] {
  return [...inMessage(reflect(schema, message), "")];
}

interface MessageRules {
  readonly disabled: boolean;
  readonly requiredOneofs: readonly DescOneof[];
  readonly fields: readonly { readonly field: DescField; readonly rules: Rules | undefined }[];
}

/** Reading an option decodes it, and every message of a kind has the same. */
const rulesOfMessages = new WeakMap<DescMessage, MessageRules>();

function rulesOf(desc: DescMessage): MessageRules {
  const known = rulesOfMessages.get(desc);
  if (known) return known;
  const rules: MessageRules = {
    disabled: hasOption(desc, disabled) && getOption(desc, disabled),
    requiredOneofs: desc.oneofs.filter((oneof) => hasOption(oneof, required) && getOption(oneof, required)),
    fields: desc.fields.flatMap((field) => {
      const own = hasOption(field, rulesOption) ? new Rules(getOption(field, rulesOption)) : undefined;
      return own || field.message ? [{ field, rules: own }] : [];
    }),
  };
  rulesOfMessages.set(desc, rules);
  return rules;
}

function* inMessage(message: ReflectMessage, path: string): Generator<Violation> {
  if (isMessage(message.message, AnySchema)) return yield* inAny(message.message, path);
  const rules = rulesOf(message.desc);
  if (rules.disabled) return;
  for (const oneof of rules.requiredOneofs) {
    if (!message.oneofCase(oneof)) yield { path: at(path, oneof.name), message: "one of its fields must be set" };
  }
  for (const { field, rules: own } of rules.fields) {
    // What is not set and has no rules has nothing inside either.
    if (own || message.isSet(field)) yield* inField(message, { field, rules: own }, at(path, field.name));
  }
}

/** What was packed and found good lately: filters and transport sockets are the same in most listeners and clusters. */
const goodInside = new Set<string>();

function* inAny(any: Any, path: string): Generator<Violation> {
  const content = `${any.typeUrl} ${Buffer.from(any.value).toString("latin1")}`;
  if (goodInside.has(content)) return;
  const inside = anyUnpack(any, registry);
  const schema = inside && registry.getMessage(inside.$typeName);
  const found: readonly Violation[] = schema
    ? [...inMessage(reflect(schema, inside), path)]
    : [{ path, message: `is a ${any.typeUrl}, which is not known here` }];
  yield* found;
  if (found.length > 0 || content.length > limits.admissionPackedBytes) return;
  goodInside.add(content);
  keepNewest(goodInside, limits.admissionItems);
}

function* inField(
  message: ReflectMessage,
  { field, rules }: MessageRules["fields"][number],
  path: string,
): Generator<Violation> {
  const present = message.isSet(field);
  // A member of a oneof that is not chosen has no value. Every other plain field has one, if only its zero.
  if (!present && field.oneof) return;
  if (!present && rules?.required) yield { path, message: "is required" };
  if (!present && field.fieldKind === "message") return;
  yield* inValue(message.get(field), rules, field, path);
}

function* inValue(value: unknown, rules: Rules | undefined, field: DescField, path: string): Generator<Violation> {
  if (isReflectMessage(value)) {
    if (rules?.skip) return;
    const broken = rules && messageViolation(value, rules);
    if (broken) yield { path, message: broken };
    if (!isWrapperDesc(value.desc)) yield* inMessage(value, path);
  } else if (isReflectList(value)) {
    const broken = rules && listViolation([...value], rules);
    if (broken) yield { path, message: broken };
    const inner = rules?.inner("items");
    for (const [index, item] of value.entries()) yield* inValue(item, inner, field, `${path}[${index}]`);
  } else if (isReflectMap(value)) {
    yield* inMap(value, rules, field, path);
  } else if (rules) {
    const broken = scalarViolation(value, rules, field);
    if (broken) yield { path, message: broken };
  }
}

function* inMap(
  map: ReadonlyMap<unknown, unknown>,
  rules: Rules | undefined,
  field: DescField,
  path: string,
): Generator<Violation> {
  const ignored = rules?.get("ignore_empty") === true && map.size === 0;
  const broken = rules && !ignored && lengthViolation(BigInt(map.size), rules, "min_pairs", "max_pairs", "entries");
  if (broken) yield { path, message: broken };
  const [keys, values] = [rules?.inner("keys"), rules?.inner("values")];
  for (const [key, value] of map) {
    const here = `${path}[${JSON.stringify(key)}]`;
    const bad = keys && scalarViolation(key, keys, undefined);
    if (bad) yield { path: here, message: `its key ${bad}` };
    yield* inValue(value, values, field, here);
  }
}

/** Wrapped numbers and durations have rules of what they wrap; an Any, of what it may hold. */
function messageViolation(value: ReflectMessage, rules: Rules): string | undefined {
  const { message } = value;
  if (isMessage(message, DurationSchema)) {
    return boundViolation(nanoseconds(message), rules, (bound) =>
      isReflectMessage(bound) && isMessage(bound.message, DurationSchema) ? nanoseconds(bound.message) : undefined,
    );
  }
  if (isMessage(message, AnySchema)) return scalarViolation(message.typeUrl, rules, undefined);
  const wrapped = isWrapperDesc(value.desc) ? value.fields[0] : undefined;
  return wrapped && scalarViolation(value.get(wrapped), rules, wrapped);
}

function nanoseconds({ seconds, nanos }: Duration): bigint {
  return seconds * 1_000_000_000n + BigInt(nanos);
}

function listViolation(items: readonly unknown[], rules: Rules): string | undefined {
  if (items.length === 0 && rules.get("ignore_empty") === true) return undefined;
  if (rules.get("unique") === true && new Set(items).size < items.length) return "has an item twice";
  return lengthViolation(BigInt(items.length), rules, "min_items", "max_items", "items");
}

function at(path: string, name: string): string {
  return path ? `${path}.${name}` : name;
}
