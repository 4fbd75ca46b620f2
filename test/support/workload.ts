/**
 * Workloads of a mesh under test: sessions with its agent, as `meshctl run` opens them, with the test as their command.
 * They are stopped before the mesh is, or they would wait for its agent for ever.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { meshFileName, parseMeshFile } from "../../src/cli/mesh_file.ts";
import type { RunReady } from "../../src/cli/run_event.ts";
import { openRunSession, type RunSession } from "../../src/cli/run_session.ts";
import type { RunGateway, RunPort, RunRequest, RunSidecar } from "../../src/model/run.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { shortId, systemRandom } from "../../src/platform/random.ts";
import type { Mesh } from "./mesh.ts";

export interface RunningWorkload extends Omit<RunReady, "outbound"> {
  /** host:port of its HTTP way out; "" for a gateway. */
  readonly outbound: string;
}

export interface SidecarOptions {
  readonly service: string;
  readonly namespace?: string;
  readonly serviceAccount?: string;
  readonly labels?: Readonly<Record<string, string>>;
  /** REGION/ZONE */
  readonly locality?: string;
  readonly ports?: readonly RunPort[];
  /** SERVICE:PORT pairs; each gets a free local port, found under `upstreams`. */
  readonly upstreams?: readonly { readonly service: string; readonly port: number }[];
}

export interface GatewayOptions {
  readonly name: string;
  readonly namespace?: string;
  readonly ports: readonly number[];
}

export class Workloads {
  readonly #mesh: Mesh;
  readonly #sessions: RunSession[] = [];

  constructor(mesh: Mesh) {
    this.#mesh = mesh;
  }

  sidecar(options: SidecarOptions): Promise<RunningWorkload> {
    const { service, namespace = "default", serviceAccount = service, labels = {} } = options;
    const listen = { address: "127.0.0.1", port: 0 };
    const request: RunSidecar = {
      role: "sidecar",
      session: shortId(systemRandom, 20),
      namespace,
      service,
      serviceAccount,
      labels: { app: service, ...labels },
      locality: options.locality ?? "",
      ports: options.ports ?? [],
      upstreams: (options.upstreams ?? []).map((upstream) => ({ ...upstream, listen })),
    };
    return this.#run(request);
  }

  gateway({ name, namespace = "default", ports }: GatewayOptions): Promise<RunningWorkload> {
    const request: RunGateway = {
      role: "gateway",
      session: shortId(systemRandom, 20),
      name,
      namespace,
      serviceAccount: name,
      labels: { istio: "ingressgateway" },
      locality: "",
      eastWest: false,
      ports: ports.map((port) => ({ port, hostPort: 0 })),
    };
    return this.#run(request);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#sessions.map((session) => session.stop()));
  }

  async #run(request: RunRequest): Promise<RunningWorkload> {
    const file = parseMeshFile(await readFile(join(this.#mesh.stateDir, meshFileName), "utf8"));
    const [agent] = file.agents;
    if (!agent) throw new Error("the mesh has no agent");
    const session = openRunSession({
      socket: agent.socket,
      request,
      clock: systemClock,
      random: systemRandom,
      onEvent: () => {},
    });
    this.#sessions.push(session);
    const ready = await session.ready;
    return { ...ready, outbound: ready.outbound ?? "" };
  }
}
