/** The command line of every part: nats-server, meshd, mesh-agent, the demo's apps. Pure. */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { defaultTrustDomain } from "../../model/identity.ts";
import { object, text } from "../../platform/decode.ts";
import type { PartCommand } from "./part.ts";
import type { AgentPlan, NodePlan } from "./plan.ts";

/** The folder of the rooms, and how their files end: the sources of a checkout, or what was built of them. */
const here = import.meta.filename;
const rooms = join(dirname(here), "..", "..");
const extension = here.endsWith(".ts") ? "ts" : "js";
/** The checkout, or the installed package. */
export const packageRoot = dirname(rooms);

function program(node: string, path: string, args: readonly string[]): PartCommand {
  return { program: node, args: [join(rooms, `${path}.${extension}`), ...args] };
}

export interface Tools {
  readonly node: string;
  readonly envoy: string;
  readonly natsServer: string;
}

const tool = object({ path: text() });
const toolsFile = object({ envoy: tool, natsServer: tool });

/** What set-up found or fetched; in an installed package, what is on PATH. */
export function findTools(node: string): Tools {
  const file = join(packageRoot, "node_modules", ".weft", "tools.json");
  if (!existsSync(file)) return { node, envoy: "envoy", natsServer: "nats-server" };
  const { envoy, natsServer } = toolsFile(JSON.parse(readFileSync(file, "utf8")), file);
  return { node, envoy: envoy.path, natsServer: natsServer.path };
}

export interface NatsCredentials {
  readonly user: string;
  readonly pass: string;
  /** The system account's: a node asks it, once, whether the servers sync before they acknowledge. */
  readonly system?: { readonly user: string; readonly pass: string };
}

export interface NatsConfiguration {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  readonly storeDirectory: string;
  readonly credentials: Required<NatsCredentials>;
}

/** A nats-server's configuration file: JetStream that acknowledges what is on disk, loopback only, no monitoring port. */
export function natsConfiguration({ name, host, port, storeDirectory, credentials }: NatsConfiguration): string {
  const users = (one: { readonly user: string; readonly pass: string }): string =>
    `users: [{ user: ${JSON.stringify(one.user)}, password: ${JSON.stringify(one.pass)} }]`;
  return [
    `server_name: ${JSON.stringify(name)}`,
    `listen: ${JSON.stringify(`${host}:${port}`)}`,
    `jetstream { store_dir: ${JSON.stringify(storeDirectory)}, sync_interval: always }`,
    "accounts {",
    `  SYSTEM { ${users(credentials.system)} }`,
    `  WEFT { jetstream: enabled, ${users(credentials)} }`,
    "}",
    "system_account: SYSTEM",
    "",
  ].join("\n");
}

export function natsServer(tools: Tools, configurationPath: string): PartCommand {
  return { program: tools.natsServer, args: ["-c", configurationPath] };
}

export interface MeshdInput {
  readonly node: NodePlan;
  readonly stateDirectory: string;
  readonly natsUrls: readonly string[];
  readonly natsCredentialsFile: string;
  readonly authorityKeyFile: string;
  readonly svidLifetimeS: string | undefined;
}

export function meshd(tools: Tools, input: MeshdInput): PartCommand {
  const { node } = input;
  return program(tools.node, "meshd/main", [
    ...["--name", node.name, "--cluster", node.cluster, "--state-dir", input.stateDirectory],
    ...["--api", node.api, "--xds", node.xds, "--agents", node.agents],
    ...(node.xdsPlaintext === undefined ? [] : ["--xds-plaintext", node.xdsPlaintext]),
    ...["--nats", input.natsUrls.join(","), "--nats-credentials", input.natsCredentialsFile],
    ...["--authority-key", input.authorityKeyFile, "--trust-domain", defaultTrustDomain],
    ...(input.svidLifetimeS === undefined ? [] : ["--svid-lifetime", input.svidLifetimeS]),
    "--end-with-input",
  ]);
}

export interface AgentInput {
  readonly agent: AgentPlan;
  readonly stateDirectory: string;
  readonly hostName: string;
  readonly joinTokenFile: string;
  readonly socket: string;
}

export function meshAgent(tools: Tools, input: AgentInput): PartCommand {
  return program(tools.node, "agent/main", [
    ...["--state-dir", input.stateDirectory, "--host-name", input.hostName],
    ...["--meshd", input.agent.node.agents, "--join-token-file", input.joinTokenFile],
    ...["--socket", input.socket, "--envoy", tools.envoy],
  ]);
}

export interface AppInput {
  readonly service: string;
  readonly version: string;
  readonly port: number;
  /** URL of its sidecar's outbound port. */
  readonly outbound: string;
}

export function demoApp(tools: Tools, { service, version, port, outbound }: AppInput): PartCommand {
  const environment = { PORT: String(port), VERSION: version, MESH_OUTBOUND: outbound };
  return { ...program(tools.node, "demo/app", [service, "--end-with-input"]), environment };
}

export function loadGenerator(tools: Tools, url: string, perSecond: number): PartCommand {
  return program(tools.node, "demo/loadgen", [url, String(perSecond)]);
}
