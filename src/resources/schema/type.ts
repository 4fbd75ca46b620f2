/**
 * The schema language: kinds as data. From one schema come validation (validate.ts), the TypeScript type of what
 * passed it (`Infer`), the words of `explain`, JSON Schema and, later, CRDs. Descriptions are sentences for a user.
 *
 * A field that Istio knows and Weft does not support yet is in the schema too, as `unsupported`: naming it is an
 * error, because a user must not believe that it works.
 */
import type { FormatName } from "./format.ts";

interface Words {
  readonly description: string;
  readonly required?: boolean;
  /** What holds when the field is left out, as a user would say it. */
  readonly default?: string;
  readonly unit?: string;
  /** What to write instead; naming the field is a warning. */
  readonly deprecated?: string;
}

/** At most one of these may be set; exactly one with `required`. */
export interface OneOf {
  readonly fields: readonly string[];
  readonly required: boolean;
}

export interface ObjectSchema<F extends Fields = Fields> extends Words {
  readonly type: "object";
  readonly fields: F;
  /** One group, or several apart from each other. */
  readonly oneOf?: OneOf | readonly OneOf[];
  /** At least one field must be set: an empty object would mean nothing. */
  readonly notEmpty?: boolean;
  /** Its fields, which are in snake_case, may also be written in camelCase and in PascalCase. */
  readonly anyCase?: boolean;
}

export interface ListSchema<I extends Schema = Schema> extends Words {
  readonly type: "list";
  readonly items: I;
  /** 1: an empty list is refused. */
  readonly minItems?: number;
}

export interface MapSchema<V extends Schema = Schema> extends Words {
  readonly type: "map";
  readonly keys: FormatName;
  readonly values: V;
  readonly minItems?: number;
}

export interface StringSchema extends Words {
  readonly type: "string";
  readonly format: FormatName;
}

export interface EnumSchema<V extends string = string> extends Words {
  readonly type: "enum";
  /** Word → what it does. */
  readonly values: Readonly<Record<V, string>>;
  /** Words of Istio's that are not supported yet → what they would do. */
  readonly unsupportedValues?: Readonly<Record<string, string>>;
  /** Word → what to write instead; naming it is a warning. */
  readonly deprecatedValues?: Readonly<Record<string, string>>;
}

export interface IntegerSchema extends Words {
  readonly type: "integer";
  readonly min: number;
  readonly max: number;
  /** Also as text of digits. */
  readonly quotable?: boolean;
}

/** Whole or not. */
export interface NumberSchema extends Words {
  readonly type: "number";
  readonly min: number;
  readonly max: number;
}

/** 1h, 1m30s, 1.5s, 250ms; whole milliseconds, at least one. */
export interface DurationSchema extends Words {
  readonly type: "duration";
  /** What 0s means; absent: it is refused. */
  readonly zero?: string;
}

export interface BooleanSchema extends Words {
  readonly type: "boolean";
}

export interface UnsupportedSchema extends Words {
  readonly type: "unsupported";
  /** Why it never will be, and what to write instead; absent: it may come. */
  readonly reason?: string;
}

export type Schema =
  | ObjectSchema
  | ListSchema
  | MapSchema
  | StringSchema
  | EnumSchema
  | IntegerSchema
  | NumberSchema
  | DurationSchema
  | BooleanSchema
  | UnsupportedSchema;

export interface Fields {
  readonly [name: string]: Schema;
}

type Settable<F extends Fields> = { [K in keyof F]: F[K] extends UnsupportedSchema ? never : K }[keyof F];
type Needed<F extends Fields> = { [K in keyof F]: F[K] extends { readonly required: true } ? K : never }[keyof F];

/** The type of the plain data that passed validation against a schema. Nothing is known of a schema unknown. */
export type Infer<S> = Schema extends S
  ? unknown
  : S extends ObjectSchema<infer F>
    ? { readonly [K in Needed<F>]: Infer<F[K]> } & { readonly [K in Exclude<Settable<F>, Needed<F>>]?: Infer<F[K]> }
    : S extends ListSchema<infer I>
      ? readonly Infer<I>[]
      : S extends MapSchema<infer V>
        ? Readonly<Record<string, Infer<V>>>
        : S extends EnumSchema<infer V>
          ? V
          : S extends { readonly type: "integer" | "number" }
            ? number
            : S extends { readonly type: "boolean" }
              ? boolean
              : S extends { readonly type: "string" | "duration" }
                ? string
                : never;

export function groupsOf({ oneOf }: ObjectSchema): readonly OneOf[] {
  if (!oneOf) return [];
  return "fields" in oneOf ? [oneOf] : oneOf;
}

// Builders. Each keeps the literal types that Infer reads.
type Without<S, K extends string> = Omit<S, K | "type" | "required">;

export const object = <const F extends Fields>(
  words: Without<ObjectSchema, "fields"> & { readonly fields: F },
): ObjectSchema<F> => ({ type: "object", ...words });

/** Of a kind in plain words, whose users write names as they do elsewhere. */
export const plainObject = <const F extends Fields>(
  words: Without<ObjectSchema, "fields"> & { readonly fields: F },
): ObjectSchema<F> => object({ ...words, anyCase: true });

export const list = <const I extends Schema>(
  words: Without<ListSchema, "items"> & { readonly items: I },
): ListSchema<I> => ({ type: "list", ...words });

export const map = <const V extends Schema>(
  words: Without<MapSchema, "values"> & { readonly values: V },
): MapSchema<V> => ({ type: "map", ...words });

export const string = (words: Without<StringSchema, never>): StringSchema => ({ type: "string", ...words });

export const choice = <const V extends string>(
  words: Without<EnumSchema, "values"> & { readonly values: Readonly<Record<V, string>> },
): EnumSchema<V> => ({ type: "enum", ...words });

export const integer = (words: Without<IntegerSchema, never>): IntegerSchema => ({ type: "integer", ...words });

export const number = (words: Without<NumberSchema, never>): NumberSchema => ({ type: "number", ...words });

export const duration = (words: Without<DurationSchema, never>): DurationSchema => ({ type: "duration", ...words });

export const boolean = (words: Without<BooleanSchema, never>): BooleanSchema => ({ type: "boolean", ...words });

/** @param reason that there is nothing for it to do here, as it follows the field's path. */
export const unsupported = (description: string, reason?: string): UnsupportedSchema => ({
  type: "unsupported",
  description,
  ...(reason === undefined ? {} : { reason }),
});

export const required = <const S extends Schema>(schema: S): S & { readonly required: true } => ({
  ...schema,
  required: true,
});

export const portNumber = (description: string): IntegerSchema => integer({ description, min: 1, max: 65_535 });
