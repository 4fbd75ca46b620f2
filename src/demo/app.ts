/**
 * One demo app: `node app.ts NAME [--end-with-input]`, with PORT and VERSION in its environment. It says {"event":"ready"}
 * when it listens, so that whoever started it does not take another program on that port for it.
 */
import { type AppName, appHandler } from "./bookinfo.ts";
import { serve, stopOnSignal } from "./server.ts";

const names: readonly string[] = ["productpage", "details", "reviews", "ratings"] satisfies AppName[];
const name = process.argv[2] ?? "";
const port = Number(process.env.PORT);
if (!names.includes(name) || !Number.isInteger(port) || port < 1 || port > 65_535) {
  process.stderr.write(`usage: PORT=9080 VERSION=v1 node app.ts ${names.join("|")} [--end-with-input]\n`);
  process.exit(64);
}
const server = await serve(port, appHandler(name as AppName, process.env.VERSION ?? "v1"));
stopOnSignal(server, { endWithInput: process.argv.includes("--end-with-input") });
process.stdout.write(`${JSON.stringify({ event: "ready", port })}\n`);
