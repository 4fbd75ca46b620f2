/**
 * Decoders: unknown → typed, once, where data enters (a record, another program's message). A decoder answers the value
 * or throws a WeftError `invalid` that names the field. Fields nobody asked for are kept, so that a record written by a
 * newer version loses nothing when an older one rewrites it. A user's files do not come this way (see resources/).
 */
import { WeftError } from "./error.ts";

export type Decode<T> = (value: unknown, path: string) => T;
export type Decoded<D> = D extends Decode<infer T> ? T : never;

/**
 * JSON text from a file or another program → a typed value.
 * @param what names the document in the error: "the reply to POST /v1/agent/svids".
 */
export function parseJson<T>(source: string, decode: Decode<T>, what: string): T {
  return decode(valueIn(source, what), what);
}

function valueIn(source: string, what: string): unknown {
  try {
    return JSON.parse(source);
  } catch (cause) {
    const because = "it is not JSON";
    throw new WeftError({ code: "invalid", retry: "never", attempted: `read ${what}`, because, cause });
  }
}

function wrong(path: string, wanted: string): never {
  throw new WeftError({
    code: "invalid",
    retry: "never",
    attempted: `read ${path || "a value"}`,
    because: `it must be ${wanted}`,
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Text of at most `most` characters, of `pattern` when one is given. */
export function text(most = 65_536, pattern?: RegExp): Decode<string> {
  return (value, path) => {
    if (typeof value !== "string" || value.length > most) return wrong(path, `text of at most ${most} characters`);
    return pattern && !pattern.test(value) ? wrong(path, `text that matches ${pattern.source}`) : value;
  };
}

/** Text that `parse` takes; what it answers undefined for is refused as not being `what`. */
export function parsed<T>(what: string, parse: (text: string) => T | undefined): Decode<T> {
  return (value, path) => (typeof value === "string" ? parse(value) : undefined) ?? wrong(path, what);
}

export function integer(least = Number.MIN_SAFE_INTEGER, most = Number.MAX_SAFE_INTEGER): Decode<number> {
  return (value, path) =>
    typeof value === "number" && Number.isSafeInteger(value) && value >= least && value <= most
      ? value
      : wrong(path, `a whole number from ${least} to ${most}`);
}

export function number(least: number, most: number): Decode<number> {
  return (value, path) =>
    typeof value === "number" && value >= least && value <= most
      ? value
      : wrong(path, `a number from ${least} to ${most}`);
}

export const boolean: Decode<boolean> = (value, path) =>
  typeof value === "boolean" ? value : wrong(path, "true or false");

export const anything: Decode<unknown> = (value) => value;

export function oneOf<T extends string>(...words: readonly T[]): Decode<T> {
  return (value, path) => words.find((word) => word === value) ?? wrong(path, `one of ${words.join(", ")}`);
}

export function list<T>(item: Decode<T>, most = 100_000): Decode<readonly T[]> {
  return (value, path) => {
    if (!Array.isArray(value) || value.length > most) return wrong(path, `a list of at most ${most}`);
    return value.map((each, index) => item(each, `${path}[${index}]`));
  };
}

/** An object whose field names are data. Safe against __proto__: the answer has own properties only. */
export function record<T>(item: Decode<T>, most = 100_000): Decode<Readonly<Record<string, T>>> {
  return (value, path) => {
    if (!isObject(value)) return wrong(path, "an object");
    const entries = Object.entries(value);
    if (entries.length > most) return wrong(path, `an object of at most ${most} fields`);
    return Object.fromEntries(entries.map(([name, each]) => [name, item(each, `${path}.${name}`)]));
  };
}

type Fields = Readonly<Record<string, Decode<unknown>>>;
type Shape<R extends Fields, O extends Fields> = { readonly [K in keyof R]: Decoded<R[K]> } & {
  readonly [K in keyof O]?: Decoded<O[K]>;
};

/** An object with these fields; an absent or undefined optional one stays absent. */
export function object<R extends Fields, O extends Fields = Record<never, never>>(
  required: R,
  optional?: O,
): Decode<Shape<R, O>> {
  return (value, path) => {
    if (!isObject(value)) return wrong(path, "an object");
    const result: Record<string, unknown> = { ...value };
    for (const [name, decode] of Object.entries(required)) result[name] = decode(value[name], `${path}.${name}`);
    for (const [name, decode] of Object.entries(optional ?? {})) {
      if (value[name] === undefined) delete result[name];
      else result[name] = decode(value[name], `${path}.${name}`);
    }
    return result as Shape<R, O>;
  };
}

/** A tagged union: the field `tag` says which of `variants` it is. */
export function union<Tag extends string, V extends Readonly<Record<string, Decode<unknown>>>>(
  tag: Tag,
  variants: V,
): Decode<{ [K in keyof V & string]: Decoded<V[K]> & { readonly [T in Tag]: K } }[keyof V & string]> {
  return (value, path) => {
    const name = isObject(value) ? value[tag] : undefined;
    const variant = typeof name === "string" && Object.hasOwn(variants, name) ? variants[name] : undefined;
    if (!variant) return wrong(`${path}.${tag}`, `one of ${Object.keys(variants).join(", ")}`);
    return variant(value, path) as { [K in keyof V & string]: Decoded<V[K]> & { readonly [T in Tag]: K } }[keyof V &
      string];
  };
}

/** Exactly this value: a version, a tag. */
export function literal<const T extends string | number | boolean>(wanted: T): Decode<T> {
  return (value, path) => (value === wanted ? wanted : wrong(path, JSON.stringify(wanted)));
}
