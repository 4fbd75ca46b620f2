/** The agent's flags. Each may also be given as MESH_AGENT_<FLAG> in the environment; a flag goes before it. */
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { isHostName } from "../certificates/attestation/host_record.ts";
import { WeftError } from "../platform/error.ts";
import { findTool } from "../platform/installation.ts";

export const usage = `mesh-agent: proves to the mesh who this host's workloads are, and runs their Envoys

  --state-dir DIR          what it keeps (required)
  --host-name NAME         this host's name in the mesh (default: the one it joined by, else the machine's)
  --meshd HOST:PORT,…      nodes' agent ports, beside those it remembers or the token names
  --join-token-file FILE   from \`meshctl token create\`; needed the first time only
  --socket PATH            its local API (default: DIR/agent.sock)
  --envoy PATH             (default: what set-up fetched, else envoy on PATH)
  --on-stop drain|leave    on SIGTERM: end all workloads (default), or leave their Envoys to the next agent
  --end-with-input         stop when standard input ends, and leave the Envoys to the next agent
  --log-level LEVEL        debug, info (default), warn, error
`;

/** What becomes of the Envoys when the agent stops: all workloads end, or they stay for the next agent. */
export type OnStop = "drain" | "leave";

export interface Settings {
  readonly stateDirectory: string;
  /** As asked for; undefined: as before (host_name.ts), else `machineName`. */
  readonly hostName: string | undefined;
  readonly machineName: string;
  readonly meshd: readonly string[];
  readonly joinTokenFile: string | undefined;
  readonly socketPath: string;
  readonly envoy: string;
  readonly onStop: OnStop;
  readonly endWithInput: boolean;
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
  "end-with-input": { type: "boolean" },
  help: { type: "boolean" },
} as const;

type FlagName = Exclude<keyof typeof flags, "help" | "end-with-input">;

/** @returns undefined: help was asked for. @throws WrongUsage */
export function settingsFrom(args: readonly string[], environment: NodeJS.ProcessEnv): Settings | undefined {
  const given = parsedFlags(args);
  if (given.help) return undefined;
  const value = (flag: FlagName): string | undefined =>
    given[flag] ?? (environment[`MESH_AGENT_${flag.replaceAll("-", "_").toUpperCase()}`] || undefined);
  const stateDirectory = value("state-dir");
  if (stateDirectory === undefined) throw wrongUsage("--state-dir is required");
  const hostName = value("host-name");
  if (hostName !== undefined && !isHostName(hostName)) {
    throw wrongUsage("--host-name: lower-case letters, digits, dots, dashes and underscores; it stands in a SPIFFE ID");
  }
  const onStop = value("on-stop") ?? "drain";
  if (onStop !== "drain" && onStop !== "leave") throw wrongUsage("--on-stop is drain or leave");
  const logLevel = value("log-level") ?? "info";
  if (!["debug", "info", "warn", "error"].includes(logLevel)) throw wrongUsage("--log-level: debug, info, warn, error");
  return {
    stateDirectory: resolve(stateDirectory),
    hostName,
    machineName: hostname().toLowerCase(),
    meshd: addressesIn(value("meshd")),
    joinTokenFile: value("join-token-file"),
    socketPath: resolve(value("socket") ?? join(stateDirectory, "agent.sock")),
    envoy: value("envoy") ?? findTool("envoy", environment) ?? "envoy",
    onStop,
    endWithInput: given["end-with-input"] ?? false,
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
