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
  /** Makes the change, and answers where it stands. Made again until it succeeds. */
  make(): Promise<Record<string, string>>;
  /** Which way a request through this sidecar goes; `nowhere` when it fails. */
  seen(via: string): Promise<"new" | "old" | "nowhere">;
}

export class ConfigurationFlow {
  readonly #mesh: Mesh;
  readonly #backends: readonly Server[];
  #changes = 0;

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
    const change = this.#changes++;
    const [routes, endpoints] = await Promise.all([
      this.#flow(this.#route(change)),
      this.#flow(this.#endpoint(change)),
    ]);
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
    let stale = 0;
    const sidecars = this.#mesh.ready.workloads.flatMap(({ outbound }) => outbound ?? []);
    await insist(giveUp, async () => {
      const seen = await Promise.all(sidecars.map((via) => change.seen(via).catch(() => "nowhere")));
      stale += seen.filter((way) => way === "old").length;
      must(seen.every((way) => way === "new"));
    });
    return { doneMs: performance.now(), stale };
  }

  /** Weights change for everybody; a request that carries this change's number is sent to v3 by this change alone. */
  #route(change: number): Change {
    const [v1, v2] = change % 2 === 0 ? [90, 10] : [50, 50];
    const document = `apiVersion: networking.mesh.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http:
    - match: [{headers: {x-change: {exact: "${change}"}}}]
      route: [{destination: {host: reviews, subset: v3}}]
    - route:
        - {destination: {host: reviews, subset: v1}, weight: ${v1}}
        - {destination: {host: reviews, subset: v2}, weight: ${v2}}
`;
    return {
      make: async () => {
        const { revision } = await this.#call<{ revision: string }>("/v1/apply", { method: "POST", body: document });
        return positionAt({ revision });
      },
      seen: async (via) => {
        const headers = { "x-change": String(change) };
        const { status, body } = await send({ via, host: "reviews:9080", path: "/reviews/0", headers });
        if (status !== 200) return "nowhere";
        return JSON.parse(body).version === "v3" ? "new" : "old";
      },
    };
  }

  #endpoint(change: number): Change {
    const turn = change % 2;
    const backend = this.#backends[turn];
    if (!backend) throw new Error(`no backend ${turn}`);
    const body = JSON.stringify({
      ports: [{ name: "http", port: 9099, protocol: "http" }],
      endpoints: [{ id: "backend", address: "127.0.0.1", ports: { http: portOf(backend) } }],
    });
    const path = "/v1/endpoints/default/probe?source=test";
    return {
      make: async () => {
        const { token } = await this.#call<{ token: string }>(path, { method: "PUT", body });
        return positionAt({ endpoints: token });
      },
      seen: async (via) => {
        const { status, body } = await send({ via, host: "probe:9099" });
        if (status !== 200) return "nowhere";
        return body === String(turn) ? "new" : "old";
      },
    };
  }

  /** Proxies that are not connected are nobody's concern to `wait`; here they are. */
  async #distributed(position: Record<string, string>): Promise<void> {
    const all = async () => {
      const proxies: readonly { proxy: string; connected: boolean }[] = await this.#call("/v1/proxies", {});
      const connected = new Set(proxies.filter((one) => one.connected).map(({ proxy }) => proxy));
      must(this.#mesh.ready.workloads.every(({ name, namespace }) => connected.has(`${name}.${namespace}`)));
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

/** Whoever answers on a dead node's port may be somebody else. */
function positionAt(position: Record<string, string>): Record<string, string> {
  must(Object.values(position).every((text) => typeof text === "string"));
  return position;
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
