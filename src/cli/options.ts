/** Reads what commander parsed, which it hands over untyped: a flag, a text, or a list of texts. */
export interface OptionReader {
  flag(name: string): boolean;
  text(name: string): string | undefined;
  /** Every value of an option that may be given more than once; see `collect`. */
  list(name: string): readonly string[];
}

export function readOptions(values: Readonly<Record<string, unknown>>): OptionReader {
  return {
    flag: (name) => values[name] === true,
    text: (name) => {
      const value = values[name];
      return typeof value === "string" ? value : undefined;
    },
    list: (name) => {
      const value = values[name];
      return Array.isArray(value) ? value.filter((item) => typeof item === "string") : [];
    },
  };
}

/** Commander's argument parser for an option that may be given more than once. */
export function collect(value: string, earlier: readonly string[] | undefined): readonly string[] {
  return [...(earlier ?? []), value];
}
