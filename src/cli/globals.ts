/** The flags that every command takes, and the environment variables that stand for them. */
import { type Command, Option } from "commander";
import { isDnsLabel } from "../model/names.ts";
import { CommandFailure, exit } from "./exit.ts";
import type { OptionReader } from "./options.ts";

const outputs = ["table", "wide", "json", "yaml", "name"] as const;
export type Output = (typeof outputs)[number];

export interface Globals {
  readonly namespace: string;
  readonly allNamespaces: boolean;
  /** Label selector as the user wrote it: app=reviews,version!=v1 */
  readonly selector: string | undefined;
  readonly output: Output;
  readonly server: string | undefined;
  readonly stateDir: string | undefined;
  readonly cluster: string | undefined;
  /** undefined: each command's own. */
  readonly timeoutMs: number | undefined;
  readonly yes: boolean;
}

/** Global flags that take a value; main.ts needs them to find the command's name among the arguments. */
export const globalFlagsWithValue: ReadonlySet<string> = new Set([
  ...["-n", "--namespace", "-l", "--selector", "-o", "--output"],
  ...["--server", "--state-dir", "--cluster", "--timeout"],
]);

export function addGlobalFlags(command: Command): void {
  const flag = (flags: string, description: string, variable: string): Command =>
    command.addOption(new Option(flags, description).env(variable).helpGroup("Global options:"));
  // Commander takes any value of a variable for yes, "false" too; readGlobals looks itself.
  const yesNo = (flags: string, description: string, variable: string): Command =>
    command.addOption(new Option(flags, `${description} (env: ${variable})`).helpGroup("Global options:"));
  flag("-n, --namespace <name>", 'namespace ("default" unless given)', "MESHCTL_NAMESPACE");
  yesNo("-A, --all-namespaces", "all namespaces", "MESHCTL_ALL_NAMESPACES");
  flag("-l, --selector <labels>", "only what has these labels: app=reviews,version!=v1", "MESHCTL_SELECTOR");
  flag("-o, --output <form>", `${outputs.join(", ")}`, "MESHCTL_OUTPUT");
  flag("--server <url>", "API of a node: http://host:port", "MESHCTL_SERVER");
  flag("--state-dir <directory>", "where a mesh on this machine keeps its state", "MESHCTL_STATE_DIR");
  flag("--cluster <name>", "which cluster, where there are several", "MESHCTL_CLUSTER");
  flag("--timeout <duration>", "how long to wait: 500ms, 30s, 2m", "MESHCTL_TIMEOUT");
  yesNo("-y, --yes", "answer every question with yes", "MESHCTL_YES");
}

export function readGlobals(options: OptionReader, environment: Readonly<Record<string, string | undefined>>): Globals {
  // A variable that is set to nothing is not set.
  const text = (name: string): string | undefined => options.text(name) || undefined;
  const yes = (name: string, variable: string): boolean => options.flag(name) || meansYes(environment[variable]);
  const timeout = text("timeout");
  return {
    namespace: namespaceOf(text("namespace") ?? "default"),
    allNamespaces: yes("allNamespaces", "MESHCTL_ALL_NAMESPACES"),
    selector: text("selector"),
    output: outputOf(text("output") ?? "table"),
    server: text("server"),
    stateDir: text("stateDir"),
    cluster: text("cluster"),
    timeoutMs: timeout === undefined ? undefined : durationMs(timeout),
    yes: yes("yes", "MESHCTL_YES"),
  };
}

function meansYes(value: string | undefined): boolean {
  return value !== undefined && !["", "0", "false", "no"].includes(value.toLowerCase());
}

function namespaceOf(word: string): string {
  if (isDnsLabel(word)) return word;
  throw new CommandFailure(
    exit.usage,
    `--namespace ${word}: not a namespace; use lower-case letters, digits and dashes`,
  );
}

function outputOf(word: string): Output {
  const output = outputs.find((known) => known === word);
  if (output) return output;
  throw new CommandFailure(exit.usage, `--output ${word}: not known; use one of ${outputs.join(", ")}`);
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** "30s", "500ms", "2m", "1m30s"; a bare number is seconds. */
export function durationMs(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000;
  const parts = [...text.matchAll(/(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join("") !== text) {
    throw new CommandFailure(exit.usage, `${text}: not a duration; write it like 500ms, 30s or 2m`);
  }
  return parts.reduce((sum, [, amount = "0", unit = "s"]) => sum + Number(amount) * (unitMs[unit] ?? 0), 0);
}
