/**
 * What a command is. Each file in commands/ exports one `command: CommandModule`; main.ts loads only the one that is
 * called, gives it the global flags, and turns what `run` answers into the exit status. Data goes to `out`; progress,
 * warnings and errors go to `say`.
 */
import type { Command } from "commander";
import type { Clock } from "../platform/clock.ts";
import type { Random } from "../platform/random.ts";
import type { ExitStatus } from "./exit.ts";
import type { Globals } from "./globals.ts";
import type { OptionReader } from "./options.ts";

export interface CliContext {
  readonly globals: Globals;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly random: Random;
  /** Whether stdout is a terminal and colour is wanted. */
  readonly color: boolean;
  /** Whether somebody can answer a prompt: stdin and stderr are terminals. */
  readonly interactive: boolean;
  /** Writes to stdout, as it is. */
  out(text: string): void;
  /** Writes one line to stderr. */
  say(line: string): void;
  /** The whole of stdin as UTF-8. */
  stdin(): Promise<string>;
}

export interface Invocation {
  /** Operands, what follows `--` among them. */
  readonly args: readonly string[];
  readonly options: OptionReader;
}

export interface CommandModule {
  /** Adds description, arguments and options; the global flags are there already. */
  define(command: Command): void;
  run(context: CliContext, invocation: Invocation): Promise<ExitStatus>;
}
