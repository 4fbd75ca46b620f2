/** A workload of a mesh under test: a session with its agent, as `meshctl run` opens it, with the test as its command. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { meshFileName, parseMeshFile } from "../../src/cli/mesh_file.ts";
import type { RunReady } from "../../src/cli/run_event.ts";
import { openRunSession } from "../../src/cli/run_session.ts";
import type { RunGateway, RunPort, RunRequest, RunSidecar } from "../../src/model/run.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { shortId, systemRandom } from "../../src/platform/random.ts";
import type { Mesh } from "./mesh.ts";

export interface RunningWorkload extends Omit<RunReady, "outbound"> {
  /** host:port of its HTTP way out; "" for a gateway. */
  readonly outbound: string;
  stop(): Promise<void>;
}

export interface SidecarOptions {
  readonly service: string;
  readonly namespace?: string;
  readonly serviceAccount?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly ports?: readonly RunPort[];
  /** SERVICE:PORT pairs; each gets a free local port, found under `upstreams`. */
  readonly upstreams?: readonly { readonly service: string; readonly port: number }[];
}

export function runSidecar(mesh: Mesh, options: SidecarOptions): Promise<RunningWorkload> {
  const { service, namespace = "default", serviceAccount = service, labels = {}, ports = [], upstreams = [] } = options;
  const listen = { address: "127.0.0.1", port: 0 };
  const request: RunSidecar = {
    role: "sidecar",
    session: shortId(systemRandom, 20),
    namespace,
    service,
    serviceAccount,
    labels: { app: service, ...labels },
    locality: "",
    ports,
    upstreams: upstreams.map((upstream) => ({ ...upstream, listen })),
  };
  return run(mesh, request);
}

export interface GatewayOptions {
  readonly name: string;
  readonly namespace?: string;
  readonly ports: readonly number[];
}

export function runGateway(
  mesh: Mesh,
  { name, namespace = "default", ports }: GatewayOptions,
): Promise<RunningWorkload> {
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
  return run(mesh, request);
}

async function run(mesh: Mesh, request: RunRequest): Promise<RunningWorkload> {
  const file = parseMeshFile(await readFile(join(mesh.stateDir, meshFileName), "utf8"));
  const [agent] = file.agents;
  if (!agent) throw new Error("the mesh has no agent");
  const session = openRunSession({
    socket: agent.socket,
    request,
    clock: systemClock,
    random: systemRandom,
    onEvent: () => {},
  });
  const ready = await session.ready;
  return { ...ready, outbound: ready.outbound ?? "", stop: () => session.stop() };
}
