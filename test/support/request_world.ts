/** The mesh of the request table (test/requests/world.ts), live: its applications, its callers, and the ways between them. */
import assert from "node:assert/strict";
import {
  answersTo,
  type Caller,
  gatewayPort,
  nameOfVersion,
  upstreams,
  type WorldService,
  worldServices,
} from "../requests/world.ts";
import { startAnyEcho } from "./any_echo.ts";
import { type Echo, startHttpEcho } from "./echo.ts";
import { startGrpcEcho } from "./grpc_echo.ts";
import { LiveObjects } from "./live_objects.ts";
import { Mesh } from "./mesh.ts";
import type { Over } from "./speaking.ts";
import { type RunningWorkload, Workloads } from "./workload.ts";

export interface Way {
  readonly from: Caller;
  readonly over: Over;
  /** The Host; of TCP and of callers without a proxy SERVICE:PORT. */
  readonly to: string;
}

interface RunPort {
  readonly name: string;
  readonly port: number;
  readonly protocol?: string;
}

export class RequestWorld {
  readonly objects: LiveObjects;
  readonly mesh: Mesh;
  readonly #workloads: Workloads;
  readonly #applications = new Map<string, Echo>();
  /** host:port that each caller connects to. */
  readonly #ways = new Map<Caller, string>();
  /** NAME.NS of each caller's workload. */
  readonly #names = new Map<Caller, string>();
  /** SERVICE:PORT → host:port of a workload, for who has no proxy. */
  readonly #doors = new Map<string, string>();
  #client: RunningWorkload | undefined;

  private constructor(mesh: Mesh) {
    this.mesh = mesh;
    this.objects = new LiveObjects(mesh);
    this.#workloads = new Workloads(mesh);
  }

  static async start(): Promise<RequestWorld> {
    const world = new RequestWorld(await Mesh.start({ demo: false }));
    const failures = new Map<string, number>();
    await Promise.all([
      ...worldServices.flatMap((one) => one.versions.map((version) => world.#startVersion(one, version, failures))),
      world.#startClient(),
      world.#startStranger(),
      world.#startGateway(),
    ]);
    return world;
  }

  async stop(): Promise<void> {
    await this.#workloads.stop();
    for (const application of this.#applications.values()) application.close();
    await this.mesh.remove();
  }

  /** host:port */
  wayOf({ from, over, to }: Way): string {
    const way =
      from === "outside" ? this.#doors.get(to) : over === "tcp" ? this.#client?.upstreams[to] : this.#ways.get(from);
    return way ?? assert.fail(`nothing leads ${from} to ${to}`);
  }

  /** NAME.NS */
  workloadOf(caller: Caller): string {
    return this.#names.get(caller) ?? assert.fail(`${caller} is no workload`);
  }

  /** The application's. */
  appPortOf(service: string): number {
    const [application] = this.#of(service);
    return application?.port ?? assert.fail(`there is no ${service}`);
  }

  /** How many requests reached `who` since the last call. @param who absent: anybody */
  takeReached(who?: string): number {
    return this.#of(who).reduce((sum, application) => sum + application.takeReached().length, 0);
  }

  #of(who: string | undefined): readonly Echo[] {
    const theirs = [...this.#applications].filter(([name]) => who === undefined || answersTo(who, name));
    return theirs.map(([, application]) => application);
  }

  async #startVersion(of: WorldService, version: string, failures: Map<string, number>): Promise<void> {
    const { service, namespace } = of;
    const name = nameOfVersion(of, version);
    const application = await startApplication(of, name, failures);
    this.#applications.set(name, application);
    const ports = of.ports.map(portFrom);
    if (of.registered === "endpoints") return this.#register(of, ports, application.port);
    const running = ports.map((port) => ({ ...port, appPort: application.port }));
    const { inbounds } = await this.#workloads.sidecar({ service, namespace, labels: { version }, ports: running });
    for (const { name: port, port: number } of ports) this.#doors.set(`${service}:${number}`, inbounds[port] ?? "");
  }

  async #register({ service, namespace }: WorldService, ports: readonly RunPort[], appPort: number): Promise<void> {
    const answering = Object.fromEntries(ports.map(({ name }) => [name, appPort]));
    const body = JSON.stringify({ ports, endpoints: [{ id: "1", address: "127.0.0.1", ports: answering }] });
    const { ok } = await this.mesh.api(`/v1/endpoints/${namespace}/${service}?source=test`, { method: "PUT", body });
    assert.ok(ok);
  }

  async #startClient(): Promise<void> {
    const wanted = upstreams.map((one) => {
      const [service = "", port] = one.split(":");
      return { service, port: Number(port) };
    });
    this.#client = await this.#workloads.sidecar({ service: "client", upstreams: wanted });
    this.#ways.set("client", this.#client.outbound);
    this.#names.set("client", this.#client.workload);
  }

  async #startStranger(): Promise<void> {
    const { outbound } = await this.#workloads.sidecar({ service: "stranger", namespace: "other" });
    this.#ways.set("stranger", outbound);
  }

  async #startGateway(): Promise<void> {
    const { listeners, workload } = await this.#workloads.gateway({ name: "ingress", ports: [gatewayPort] });
    this.#ways.set("gateway", listeners?.[gatewayPort] ?? "");
    this.#names.set("gateway", workload);
  }
}

function portFrom(text: string): RunPort {
  const [name = "", port, protocol] = text.split(":");
  return { name, port: Number(port), ...(protocol === undefined ? {} : { protocol }) };
}

function startApplication({ speaks }: WorldService, name: string, failures: Map<string, number>): Promise<Echo> {
  if (speaks === "grpc") return startGrpcEcho(name, failures);
  if (speaks === "any") return startAnyEcho({ "x-by": name });
  return startHttpEcho({ "x-by": name, "x-powered-by": "echo" }, failures);
}
