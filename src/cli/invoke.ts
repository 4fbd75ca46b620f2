/**
 * From arguments to an exit status: finds the command's name, loads its module, parses its flags, runs it. Global flags
 * may stand before the name or after it.
 */
import { Command, CommanderError } from "commander";
import { WeftError } from "../platform/error.ts";
import { packageManifest } from "../platform/installation.ts";
import { nearest } from "../resources/nearest.ts";
import { type CatalogEntry, catalog } from "./catalog.ts";
import type { CliContext } from "./command.ts";
import { CommandFailure, type ExitStatus, exit } from "./exit.ts";
import { addGlobalFlags, globalFlagsWithValue, readGlobals } from "./globals.ts";
import { readOptions } from "./options.ts";
import { planned } from "./planned.ts";

/** What a command's context needs of the process; its global flags come from the arguments. */
export type Surroundings = Omit<CliContext, "globals">;

export async function invoke(argv: readonly string[], surroundings: Surroundings): Promise<ExitStatus> {
  try {
    const named = findCommand(spelledOut(argv));
    if (named.kind === "command") return await runCommand(named, surroundings);
    surroundings.out(named.kind === "help" ? overview() : `meshctl ${packageManifest().version}\n`);
    return exit.good;
  } catch (cause) {
    return reportFailure(cause, surroundings);
  }
}

interface NamedCommand {
  readonly kind: "command";
  readonly name: string;
  readonly entry: CatalogEntry;
  /** Flags and operands without the name. */
  readonly args: readonly string[];
}

/** `-o=json` as `-o json`, which people write too; what follows `--` is somebody else's. */
function spelledOut(argv: readonly string[]): readonly string[] {
  const end = argv.indexOf("--");
  const own = end < 0 ? argv : argv.slice(0, end);
  const spelled = own.flatMap((arg) => (/^-[a-zA-Z]=/.test(arg) ? [arg.slice(0, 2), arg.slice(3)] : [arg]));
  return end < 0 ? spelled : [...spelled, ...argv.slice(end)];
}

export function findCommand(argv: readonly string[]): NamedCommand | { readonly kind: "help" | "version" } {
  const at = indexOfOperand(argv);
  const word = argv[at];
  const before = argv.slice(0, at);
  if (word === "version" || (word === undefined && before.includes("--version"))) return { kind: "version" };
  const about = argv.slice(at + 1);
  if (word === "help" && about.length > 0) return findCommand([...before, ...about, "--help"]);
  if (word === undefined || word === "help") {
    const asked = word === "help" || before.includes("-h") || before.includes("--help");
    if (!asked) throw new CommandFailure(exit.usage, overview().trimEnd());
    return { kind: "help" };
  }
  for (const length of [2, 1]) {
    const name = argv.slice(at, at + length).join(" ");
    const entry = catalog.get(name);
    if (entry) return { kind: "command", name, entry, args: [...before, ...argv.slice(at + length)] };
  }
  throw new CommandFailure(exit.usage, `${word}: ${whyNot(word)}`);
}

/** Of a word that no command begins with. */
function whyNot(word: string): string {
  const meanwhile = planned.get(word);
  if (meanwhile !== undefined) {
    const instead = meanwhile === "" ? "" : `; meanwhile: ${meanwhile}`;
    return `this version (${packageManifest().version}) does not have it yet${instead}`;
  }
  const group = [...catalog.keys()].filter((name) => name.startsWith(`${word} `));
  const other = nearest(word, [...catalog.keys()]);
  const hint = other === undefined ? "see meshctl --help" : `did you mean ${other}?`;
  const next = group.length > 0 ? `use ${group.join(" or ")}` : hint;
  return `no such command; ${next}`;
}

function indexOfOperand(argv: readonly string[]): number {
  let index = 0;
  for (let arg = argv[index]; arg?.startsWith("-") && arg !== "--"; arg = argv[index]) {
    index += globalFlagsWithValue.has(arg) ? 2 : 1;
  }
  return index;
}

async function runCommand(named: NamedCommand, surroundings: Surroundings): Promise<ExitStatus> {
  const { command: module } = await named.entry.load();
  const command = new Command(`meshctl ${named.name}`).description(named.entry.summary);
  module.define(command);
  addGlobalFlags(command);
  command
    .exitOverride()
    .showHelpAfterError(`see meshctl ${named.name} --help`)
    .configureOutput({
      writeOut: surroundings.out,
      writeErr: (text) => surroundings.say(text.trimEnd()),
      getOutHasColors: () => surroundings.color,
      getErrHasColors: () => false,
    });
  try {
    command.parse(named.args, { from: "user" });
  } catch (cause) {
    if (cause instanceof CommanderError) return cause.exitCode === 0 ? exit.good : exit.usage;
    throw cause;
  }
  const options = readOptions(command.opts());
  return module.run(
    { ...surroundings, globals: readGlobals(options, surroundings.environment) },
    { args: command.args, options },
  );
}

function reportFailure(cause: unknown, surroundings: Surroundings): ExitStatus {
  if (cause instanceof CommandFailure) {
    if (cause.message) surroundings.say(cause.message);
    return cause.status;
  }
  const error = WeftError.from(cause, "run the command");
  surroundings.say(`meshctl: ${error.message}`);
  if (error.code === "internal" && cause instanceof Error && surroundings.environment.MESHCTL_DEBUG) {
    surroundings.say(cause.stack ?? "");
  }
  return exit.failed;
}

function overview(): string {
  const width = Math.max(...[...catalog.keys()].map((name) => name.length));
  const lines = [...catalog].map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`);
  return `meshctl COMMAND [flags]\n\n${lines.join("\n")}\n\nmeshctl COMMAND --help says more about one; --version.\n`;
}
