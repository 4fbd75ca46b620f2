/** Prints data in the form that -o asks for. */
import type { CliContext } from "./command.ts";
import { printTable } from "./table.ts";

export interface Printable {
  /** For -o json and yaml. */
  readonly data: unknown;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** More columns, for -o wide. */
  readonly wide?: { readonly header: readonly string[]; readonly rows: readonly (readonly string[])[] };
  /** One a line, for -o name. */
  readonly names: readonly string[];
  /** Said on stderr instead of an empty table. */
  readonly empty?: string;
}

export async function print(context: CliContext, printable: Printable): Promise<void> {
  const { output } = context.globals;
  if (output === "json") return context.out(`${JSON.stringify(printable.data, null, 2)}\n`);
  if (output === "yaml") return context.out(await yamlOf(printable.data));
  if (output === "name") return context.out(printable.names.map((name) => `${name}\n`).join(""));
  if (printable.rows.length === 0 && printable.empty !== undefined) return context.say(printable.empty);
  const wide = output === "wide" ? printable.wide : undefined;
  const header = [...printable.header, ...(wide?.header ?? [])];
  const rows = printable.rows.map((row, index) => [...row, ...(wide?.rows[index] ?? [])]);
  context.out(printTable(header, rows));
}

/** Loaded only when it is asked for: it would take a third of a command's start. */
async function yamlOf(data: unknown): Promise<string> {
  const { stringify } = await import("yaml");
  return stringify(data);
}
