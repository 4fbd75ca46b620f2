/** The agent's flags. Each may also be given as MESH_AGENT_<FLAG> in the environment; a flag goes before it. */
import { accessSync, constants, existsSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { isHostName } from "../certificates/attestation/host_record.ts";
import { object, text } from "../platform/decode.ts";
import { WeftError } from "../platform/error.ts";
import { parseJson } from "./json.ts";

export const usage = `mesh-agent: proves to the mesh who this host's workloads are, and runs their Envoys

  --state-dir DIR          what it keeps (required)
  --host-name NAME         this host's name in the mesh (default: the machine's)
  --meshd HOST:PORT,…      nodes' agent ports, beside those it remembers or the token names
  --join-token-file FILE   from \`meshctl token create\`; needed the first time only
  --socket PATH            its local API (default: DIR/agent.sock)
  --envoy PATH             (default: what set-up fetched, else envoy on PATH)
  --on-stop drain|leave    on SIGTERM: end all workloads (default), or leave their Envoys to the next agent
  --log-level LEVEL        debug, info (default), warn, error
`;

export interface Settings {
  readonly stateDirectory: string;
  readonly hostName: string;
  readonly meshd: readonly string[];
  readonly joinTokenFile: string | undefined;
  readonly socketPath: string;
  readonly envoy: string;
  readonly onStop: "drain" | "leave";
  readonly logLevel: string;
}

const string = { type: "string" } as const;
const flags = {
  "state-dir": string,
  "host-name": string,
  meshd: string,
  "join-token-file": string,
  socket: string,
  envoy: string,
  "on-stop": string,
  "log-level": string,
  help: { type: "boolean" },
} as const;

type FlagName = Exclude<keyof typeof flags, "help">;

/** @returns undefined: help was asked for. @throws WrongUsage */
export function settingsFrom(args: readonly string[], environment: NodeJS.ProcessEnv): Settings | undefined {
  const given = parsedFlags(args);
  if (given.help) return undefined;
  const value = (flag: FlagName): string | undefined =>
    given[flag] ?? (environment[`MESH_AGENT_${flag.replaceAll("-", "_").toUpperCase()}`] || undefined);
  const stateDirectory = value("state-dir");
  if (stateDirectory === undefined) throw wrongUsage("--state-dir is required");
  const hostName = value("host-name") ?? hostname().toLowerCase();
  if (!isHostName(hostName)) {
    throw wrongUsage("--host-name: lower-case letters, digits, dots, dashes and underscores; it stands in a SPIFFE ID");
  }
  const onStop = value("on-stop") ?? "drain";
  if (onStop !== "drain" && onStop !== "leave") throw wrongUsage("--on-stop is drain or leave");
  const logLevel = value("log-level") ?? "info";
  if (!["debug", "info", "warn", "error"].includes(logLevel)) throw wrongUsage("--log-level: debug, info, warn, error");
  return {
    stateDirectory: resolve(stateDirectory),
    hostName,
    meshd: addressesIn(value("meshd")),
    joinTokenFile: value("join-token-file"),
    socketPath: resolve(value("socket") ?? join(stateDirectory, "agent.sock")),
    envoy: value("envoy") ?? envoyOfSetUp() ?? onPath("envoy", environment),
    onStop,
    logLevel,
  };
}

function parsedFlags(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: flags, strict: true, allowPositionals: false }).values;
  } catch (cause) {
    throw wrongUsage(cause instanceof Error ? cause.message : String(cause));
  }
}

function addressesIn(list: string | undefined): readonly string[] {
  const addresses = (list ?? "").split(",").filter((address) => address !== "");
  const wrong = addresses.find((address) => !/^.+:\d{1,5}$/.test(address));
  if (wrong !== undefined) throw wrongUsage(`--meshd: ${wrong} is not HOST:PORT`);
  return addresses;
}

export class WrongUsage extends WeftError {}

function wrongUsage(because: string): WrongUsage {
  return new WrongUsage({ code: "invalid", retry: "never", attempted: "read the flags", because, next: "see --help" });
}

const tools = object({}, { envoy: object({ path: text() }) });

function envoyOfSetUp(): string | undefined {
  const checkout = dirname(dirname(import.meta.dirname));
  const file = join(checkout, "node_modules", ".weft", "tools.json");
  return existsSync(file) ? parseJson(readFileSync(file, "utf8"), tools, file).envoy?.path : undefined;
}

function onPath(program: string, environment: NodeJS.ProcessEnv): string {
  const places = (environment.PATH ?? "").split(delimiter).map((directory) => join(directory, program));
  return places.find(isExecutable) ?? program;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
