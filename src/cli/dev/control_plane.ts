/**
 * Starts a plan's nats-servers, nodes and agents, each when what it needs is there, and stops them in reverse: an agent
 * drains its Envoys while it can still reach a node, a node hands over while it can still write.
 */
import { sleep } from "../../platform/clock.ts";
import { object, text } from "../../platform/decode.ts";
import { WeftError } from "../../platform/error.ts";
import { loopback } from "../../platform/free_ports.ts";
import { limits } from "../../platform/limits.ts";
import { ApiClient, type RawAnswer } from "../api_client.ts";
import type { CliContext } from "../command.ts";
import type { Mesh } from "../mesh.ts";
import type { MeshFile } from "../mesh_file.ts";
import type { DevConsole } from "./console.ts";
import type { Parts } from "./parts.ts";
import type { AgentPlan, ClusterPlan, MeshPlan, NatsPlan, NodePlan } from "./plan.ts";
import { meshAgent, meshd, natsConfiguration, natsServer, type Tools } from "./programs.ts";
import { type KeptSecrets, keepSecrets, meshMark, writeExternalCredentials } from "./secrets.ts";
import type { DevSettings } from "./settings.ts";
import type { DevState } from "./state.ts";
import type { Supervisor } from "./supervisor.ts";

export interface ControlPlaneOptions {
  readonly context: CliContext;
  readonly settings: DevSettings;
  readonly plan: MeshPlan;
  readonly state: DevState;
  readonly tools: Tools;
  readonly parts: Parts;
  readonly console: DevConsole;
}

/** How long a host may take to join, ms; it does so at once. */
const joinTokenMs = 10 * 60 * 1_000;
const tokenReply = object({ token: text() });

interface Running<Plan> {
  readonly plan: Plan;
  readonly part: Supervisor;
}

export class ControlPlane {
  readonly #options: ControlPlaneOptions;
  readonly #nats: Running<NatsPlan>[] = [];
  readonly #nodes: Running<NodePlan>[] = [];
  readonly #agents: (Running<AgentPlan> & { readonly socket: string })[] = [];

  constructor(options: ControlPlaneOptions) {
    this.#options = options;
  }

  async start(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#options.plan.clusters.map((cluster) => this.#startCluster(cluster, signal)));
  }

  /** Stops what was started, also when `start` has failed half-way. */
  async stop(hurry: AbortSignal): Promise<void> {
    for (const group of [this.#agents, this.#nodes, this.#nats]) {
      await Promise.all(group.map(({ part }) => part.stop(hurry)));
    }
  }

  /** For calls to the first cluster's API. */
  get mesh(): Mesh {
    const [{ nodes }] = this.#options.plan.clusters;
    const [first, ...others] = nodes;
    const reached = ({ name, api }: NodePlan): { name: string; api: string } => ({ name, api: `http://${api}` });
    return { nodes: [reached(first), ...others.map(reached)], token: undefined, local: undefined };
  }

  /** Of the first cluster's first agent, beside which the demo's workloads run. */
  get agentSocket(): string {
    return this.#agents[0]?.socket ?? "";
  }

  /** What dev.json says, as of now. */
  describe(startedAt: string): MeshFile {
    return {
      pid: process.pid,
      startedAt,
      token: null,
      nodes: this.#nodes.map(({ plan, part }) => ({
        name: plan.name,
        pid: part.pid,
        api: `http://${plan.api}`,
        xds: plan.xds,
        ...(plan.xdsPlaintext === undefined ? {} : { xdsPlaintext: plan.xdsPlaintext }),
        agents: plan.agents,
        cluster: plan.cluster,
      })),
      nats: this.#nats.map(({ plan, part }) => ({ name: plan.name, pid: part.pid, url: natsUrl(plan) })),
      agents: this.#agents.map(({ plan, part, socket }) => ({ name: plan.name, pid: part.pid, socket })),
      clusters: this.#options.plan.clusters.map(({ name }) => name),
      dashboard: `${this.mesh.nodes[0].api}/`,
    };
  }

  async #startCluster(cluster: ClusterPlan, signal: AbortSignal): Promise<void> {
    const { settings, state, context, console } = this.#options;
    const secrets = keepSecrets(state, context.random);
    const starting = cluster.nats.map((plan) => this.#startNats(plan, secrets, signal));
    await Promise.all(starting);
    const credentials = settings.nats ? writeExternalCredentials(state, settings.nats) : secrets.natsCredentialsPath;
    const urls = settings.nats ? [settings.nats.url] : cluster.nats.map(natsUrl);
    const files = { natsUrls: urls, natsCredentialsFile: credentials, authorityKeyFile: secrets.authorityKeyPath };
    await Promise.all(cluster.nodes.map((plan) => this.#startNode(plan, files, signal)));
    await Promise.all(cluster.agents.map((plan) => this.#startAgent(plan, signal)));
    console.note(`state is kept in ${state.root}`);
  }

  async #startNats(plan: NatsPlan, secrets: KeptSecrets, signal: AbortSignal): Promise<void> {
    const { state, tools, parts, console, context } = this.#options;
    const configuration = `${plan.name}.conf`;
    const storeDirectory = state.directory(plan.name);
    const { port } = plan;
    // Unlike that of any other mesh's: it tells our server from one that took the port before ours could.
    const name = `${plan.name}-${meshMark(state, context.random)}`;
    const routes = plan.routes && { ...plan.routes, account: secrets.natsRoutes };
    const input = { name, host: loopback, port, storeDirectory, credentials: secrets.nats, ...(routes && { routes }) };
    state.write(configuration, natsConfiguration(input));
    const part = parts.make({
      name: plan.name,
      ready: { kind: "port", port: plan.port, greeting: `"server_name":"${name}"` },
      command: () => natsServer(tools, state.path(configuration)),
    });
    this.#nats.push({ plan, part });
    await console.step(`${plan.name}: JetStream on ${natsUrl(plan)}`, () => part.start(signal));
  }

  async #startNode(plan: NodePlan, files: NodeFiles, signal: AbortSignal): Promise<void> {
    const { settings, state, tools, parts, console } = this.#options;
    const stateDirectory = state.directory(plan.name);
    const { svidLifetimeS, hostLeaseS, outboundTrafficPolicy } = settings;
    const input = { node: plan, stateDirectory, ...files, svidLifetimeS, hostLeaseS, outboundTrafficPolicy };
    const part = parts.make({
      name: plan.name,
      ready: { kind: "line" },
      command: () => meshd(tools, input),
      ...(settings.nodes > 1 && { restartAfterMs: limits.devRestartNodeMs }),
    });
    this.#nodes.push({ plan, part });
    await console.step(`${plan.name}: API on http://${plan.api}, xDS on ${plan.xds}`, async () => {
      await part.start(signal);
      await this.#untilReadyToWork(plan, signal);
    });
  }

  async #startAgent(plan: AgentPlan, signal: AbortSignal): Promise<void> {
    const { state, tools, parts, console } = this.#options;
    const stateDirectory = state.directory(plan.name);
    const socket = state.socket(plan.name);
    const tokenFile = `${plan.name}.token`;
    state.write(tokenFile, await this.#joinToken(plan.node));
    const input = { agent: plan, stateDirectory, hostName: plan.name, joinTokenFile: state.path(tokenFile), socket };
    const part = parts.make({ name: plan.name, ready: { kind: "line" }, command: () => meshAgent(tools, input) });
    this.#agents.push({ plan, part, socket });
    await console.step(`${plan.name}: attested`, () => part.start(signal));
  }

  #client(): ApiClient {
    return new ApiClient(this.#options.context, this.mesh);
  }

  async #untilReadyToWork(plan: NodePlan, signal: AbortSignal): Promise<void> {
    const { clock } = this.#options.context;
    const node = { name: plan.name, api: `http://${plan.api}` };
    const untilMs = clock.monotonicMs() + limits.devReadyMs;
    for (;;) {
      const answer = await this.#client().raw(node, { method: "GET", path: "/readyz" });
      if (answer.kind === "response" && answer.status === 200) return;
      if (clock.monotonicMs() > untilMs) throw notReady(plan, answer);
      await sleep(clock, limits.devPollMs, signal);
    }
  }

  /** A new one at each start: it counts only for a host that has not joined yet. */
  async #joinToken(plan: NodePlan): Promise<string> {
    const client = this.#client();
    const node = { name: plan.name, api: `http://${plan.api}` };
    const body = { contentType: "application/json", text: JSON.stringify({ ttlMs: joinTokenMs }) };
    const answer = await client.tryNode(node, { method: "POST", path: "/v1/tokens", body });
    return tokenReply(answer.kind === "answered" ? answer.body : undefined, "join token").token;
  }
}

interface NodeFiles {
  readonly natsUrls: readonly string[];
  readonly natsCredentialsFile: string;
  readonly authorityKeyFile: string;
}

function notReady({ name }: NodePlan, answer: RawAnswer): WeftError {
  const because = answer.kind === "response" ? `it says that it is not ready: ${answer.text}` : answer.because;
  return new WeftError({ code: "unavailable", retry: "later", attempted: `start ${name}`, because });
}

function natsUrl({ port }: NatsPlan): string {
  return `nats://${loopback}:${port}`;
}
