/** Wires the process to the command that was called. */
import { systemClock } from "../platform/clock.ts";
import { systemRandom } from "../platform/random.ts";
import { invoke } from "./invoke.ts";

// A reader that went away (`meshctl get … | head -1`) is no failure.
process.stdout.on("error", (cause: NodeJS.ErrnoException) => process.exit(cause.code === "EPIPE" ? 0 : 1));

async function readStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString("utf8");
}

const status = await invoke(process.argv.slice(2), {
  environment: process.env,
  clock: systemClock,
  random: systemRandom,
  color: process.stdout.isTTY && process.env.NO_COLOR === undefined,
  interactive: process.stdin.isTTY && process.stderr.isTTY,
  out: (text) => void process.stdout.write(text),
  say: (line) => void process.stderr.write(`${line}\n`),
  stdin: readStdin,
});
process.stdout.write("", () => process.exit(status));
