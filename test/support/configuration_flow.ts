/**
 * Does configuration flow, and since when? Each `flows` changes a route and a service's endpoints, insists through
 * whatever is broken, and resolves when every proxy is connected, the mesh says `distributed`, and the requests that
 * follow, one through each sidecar, go the new way. What the mesh says is held against what the requests see.
 */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import type { Mesh } from "./mesh.ts";
import { send } from "./requests.ts";

/** How long one call may take before it is made again, ms: a frozen process accepts and never answers. */
const callMs = 2_000;
/** Between two tries, ms. */
const pauseMs = 50;
/** How long the mesh may take at all, ms; then the measurement says so. */
const patienceMs = 60_000;

export interface Flow {
  readonly routesMs: number;
  readonly endpointsMs: number;
  /** Requests that went the old way after the mesh had said that all proxies have the new one. */
  readonly stale: number;
}

interface Change {
  /** Makes the change. Made again until it succeeds. */
  make(): Promise<Record<string, string>>;
  /** What a request through each sidecar shows when the change has come. */
  seen(via: string): Promise<boolean>;
}

export class ConfigurationFlow {
  readonly #mesh: Mesh;
  readonly #backends: readonly Server[];
  #turn = 0;

  private constructor(mesh: Mesh, backends: readonly Server[]) {
    this.#mesh = mesh;
    this.#backends = backends;
  }

  static async start(mesh: Mesh): Promise<ConfigurationFlow> {
    const backends = await Promise.all([answering("0"), answering("1")]);
    return new ConfigurationFlow(mesh, backends);
  }

  async close(): Promise<void> {
    for (const backend of this.#backends) {
      backend.close();
      backend.closeAllConnections();
    }
  }

  /** @param sinceMs from which the times count, on performance.now()'s clock. */
  async flows(sinceMs: number): Promise<Flow> {
    const turn = this.#turn++ % 2;
    const [routes, endpoints] = await Promise.all([this.#flow(this.#route(turn)), this.#flow(this.#endpoint(turn))]);
    return {
      routesMs: routes.doneMs - sinceMs,
      endpointsMs: endpoints.doneMs - sinceMs,
      stale: routes.stale + endpoints.stale,
    };
  }

  async #flow(change: Change): Promise<{ readonly doneMs: number; readonly stale: number }> {
    const giveUp = AbortSignal.timeout(patienceMs);
    const position = await insist(giveUp, () => change.make());
    await insist(giveUp, () => this.#distributed(position));
    const sidecars = this.#mesh.ready.workloads.flatMap(({ outbound }) => outbound ?? []);
    const seen = await Promise.all(sidecars.map((via) => change.seen(via)));
    const doneMs = performance.now();
    const stale = seen.filter((one) => !one).length;
    if (stale > 0)
      await insist(giveUp, async () => must((await Promise.all(sidecars.map(change.seen))).every(Boolean)));
    return { doneMs: stale > 0 ? performance.now() : doneMs, stale };
  }

  #route(turn: number): Change {
    const version = turn === 0 ? "v1" : "v3";
    const document = `{apiVersion: networking.mesh.io/v1, kind: VirtualService, metadata: {name: reviews}, spec: {hosts: [reviews], http: [{route: [{destination: {host: reviews, subset: ${version}}}]}]}}`;
    return {
      make: async () => {
        const { revision } = await this.#call<{ revision: string }>("/v1/apply", { method: "POST", body: document });
        return { revision };
      },
      seen: async (via) => {
        const { status, body } = await send({ via, host: "reviews:9080", path: "/reviews/0" });
        return status === 200 && JSON.parse(body).version === version;
      },
    };
  }

  #endpoint(turn: number): Change {
    const backend = this.#backends[turn];
    if (!backend) throw new Error(`no backend ${turn}`);
    const set = {
      ports: [{ name: "http", port: 9099, protocol: "http" }],
      endpoints: [{ id: "backend", address: "127.0.0.1", ports: { http: portOf(backend) } }],
    };
    return {
      make: async () => {
        const body = JSON.stringify(set);
        const { token } = await this.#call<{ token: string }>("/v1/endpoints/default/probe?source=test", {
          method: "PUT",
          body,
        });
        return { endpoints: token };
      },
      seen: async (via) => {
        const { status, body } = await send({ via, host: "probe:9099" });
        return status === 200 && body === String(turn);
      },
    };
  }

  /** Proxies that are not connected are nobody's concern to `wait`; here they are. */
  async #distributed(position: Record<string, string>): Promise<void> {
    const all = async () => {
      const proxies: readonly { readonly connected: boolean }[] = await this.#call("/v1/proxies", {});
      must(proxies.length === this.#mesh.ready.workloads.length && proxies.every(({ connected }) => connected));
    };
    await all();
    const query = new URLSearchParams({ ...position, timeoutMs: "1000" });
    const { kind } = await this.#call<{ kind: string }>(`/v1/wait?${query}`, {});
    must(kind === "distributed");
    await all();
  }

  async #call<Reply>(path: string, init: RequestInit): Promise<Reply> {
    const response = await this.#mesh.api(path, { ...init, signal: AbortSignal.timeout(callMs) });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path} answered ${response.status}: ${text}`);
    return JSON.parse(text);
  }
}

async function insist<T>(giveUp: AbortSignal, work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (cause) {
      if (giveUp.aborted) throw new Error(`not within ${patienceMs / 1_000} s`, { cause });
      await wait(pauseMs);
    }
  }
}

function must(holds: boolean): void {
  if (!holds) throw new Error("not yet");
}

async function answering(body: string): Promise<Server> {
  const server = createServer((_, response) => response.end(body));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}
