/** The command line of every part: nats-server, meshd, mesh-agent, the demo's apps. Pure. */
import { defaultTrustDomain } from "../../model/identity.ts";
import type { OutboundTrafficPolicy } from "../../model/traffic.ts";
import { WeftError } from "../../platform/error.ts";
import { compiledDirectory, findTool, moduleFile, nodeFlags } from "../../platform/installation.ts";
import type { CliContext } from "../command.ts";
import type { PartCommand } from "./part.ts";
import type { AgentPlan, NodePlan } from "./plan.ts";

function program(node: string, module: string, args: readonly string[]): PartCommand {
  const environment = { NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE ?? compiledDirectory };
  return { program: node, args: [...nodeFlags(module), moduleFile(module), ...args], environment };
}

export interface Tools {
  readonly node: string;
  readonly envoy: string;
  readonly natsServer: string;
}

/** @param withNats whether a nats-server will be started */
export function findTools(node: string, withNats: boolean, environment: CliContext["environment"]): Tools {
  const [envoy, natsServer] = [findTool("envoy", environment), findTool("nats-server", environment)];
  const missing = [...(envoy ? [] : ["envoy"]), ...(natsServer || !withNats ? [] : ["nats-server"])];
  if (missing.length > 0) throw notOnPath(missing);
  return { node, envoy: envoy ?? "", natsServer: natsServer ?? "" };
}

function notOnPath(names: readonly string[]): WeftError {
  return new WeftError({
    code: "not-found",
    retry: "never",
    attempted: `find ${names.join(" and ")}`,
    because: "not on PATH",
    next: "install what is missing: Envoy 1.40 or later (envoyproxy.io), nats-server 2.12.15 or later (nats.io)",
  });
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
  /** One of several servers, with one copy of everything on each. */
  readonly routes?: NatsRoutes;
}

export interface NatsRoutes {
  readonly port: number;
  /** Of all servers, this one too. */
  readonly all: readonly number[];
  readonly account: { readonly user: string; readonly pass: string };
}

/** A nats-server's configuration file: JetStream that acknowledges what is on disk, loopback only, no monitoring port. */
export function natsConfiguration(configuration: NatsConfiguration): string {
  const { name, host, port, storeDirectory, credentials, routes } = configuration;
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
    ...(routes ? natsRoutes(host, routes) : []),
    "",
  ].join("\n");
}

function natsRoutes(host: string, { port, all, account: { user, pass } }: NatsRoutes): readonly string[] {
  return [
    "cluster {",
    '  name: "weft"',
    `  listen: ${JSON.stringify(`${host}:${port}`)}`,
    // Clients know all servers already.
    "  no_advertise: true",
    // A route that carries nothing is closed within 6 s, so that a cut one way becomes a cut both ways.
    '  ping_interval: "2s"',
    `  authorization { user: ${JSON.stringify(user)}, password: ${JSON.stringify(pass)} }`,
    `  routes: [${all.map((each) => JSON.stringify(`nats-route://${user}:${pass}@${host}:${each}`)).join(", ")}]`,
    "}",
  ];
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
  readonly hostLeaseS: string | undefined;
  readonly outboundTrafficPolicy: OutboundTrafficPolicy;
}

export function meshd(tools: Tools, input: MeshdInput): PartCommand {
  const { node } = input;
  return program(tools.node, "meshd/main", [
    ...["--name", node.name, "--cluster", node.cluster, "--state-dir", input.stateDirectory],
    ...["--api", node.api, "--xds", node.xds, "--agents", node.agents],
    ...(node.xdsPlaintext === undefined ? [] : ["--xds-plaintext", node.xdsPlaintext]),
    ...["--nats", input.natsUrls.join(","), "--nats-credentials", input.natsCredentialsFile],
    ...["--authority-key", input.authorityKeyFile, "--trust-domain", defaultTrustDomain],
    ...["--outbound-traffic-policy", input.outboundTrafficPolicy],
    ...(input.svidLifetimeS === undefined ? [] : ["--svid-lifetime", input.svidLifetimeS]),
    ...(input.hostLeaseS === undefined ? [] : ["--host-lease", input.hostLeaseS]),
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
    "--end-with-input",
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
  const { environment, ...app } = program(tools.node, "demo/app", [service, "--end-with-input"]);
  return { ...app, environment: { ...environment, PORT: String(port), VERSION: version, MESH_OUTBOUND: outbound } };
}

export function loadGenerator(tools: Tools, url: string, perSecond: number): PartCommand {
  return program(tools.node, "demo/loadgen", [url, String(perSecond)]);
}
