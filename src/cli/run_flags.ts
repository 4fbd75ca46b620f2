/** Flags that `run` and `gateway run` share. */
import { checkFormat } from "../resources/schema/format.ts";
import { CommandFailure, exit } from "./exit.ts";

export function readLabels(words: readonly string[]): Readonly<Record<string, string>> {
  const pairs = words.map((word) => {
    const at = word.indexOf("=");
    if (at <= 0) throw new CommandFailure(exit.usage, `--label ${word}: write KEY=VALUE`);
    const [key, value] = [word.slice(0, at), word.slice(at + 1)];
    const wrong = checkFormat("labelKey", key) ?? checkFormat("labelValue", value);
    if (wrong !== undefined) throw new CommandFailure(exit.badInput, `--label ${word}: ${wrong}`);
    return [key, value] as const;
  });
  return Object.fromEntries(pairs);
}

/** @param least 0 where any free port may be meant. */
export function readPort(word: string, where: string, least = 1): number {
  const port = /^\d{1,5}$/.test(word) ? Number(word) : -1;
  if (port >= least && port <= 65_535) return port;
  throw new CommandFailure(exit.usage, `${where}: a port is a number from ${least} to 65535`);
}
