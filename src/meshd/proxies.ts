/** The proxies that this node serves, in the words of the API; and what any proxy is told. */
import type { ConfigSection, Distribution, Hold, ProxyStatus, ProxyTypeStatus, StreamPosition } from "../api/ports.ts";
import type { LayerKey } from "../compile/layer.ts";
import type { EncodedResource, ResourceType } from "../envoy/resource.ts";
import type { WorkloadName } from "../model/names.ts";
import type { Workload } from "../model/workload.ts";
import { revisionOf, type Store } from "../store/store.ts";
import type { Fleet } from "../xds/fleet.ts";
import type { StreamStatus } from "../xds/stream.ts";
import type { SecretWatch } from "./hosts/secret_watch.ts";

export interface ProxiesOptions {
  readonly nodeName: string;
  readonly store: Store;
  readonly fleet: Fleet;
  readonly workload: (name: WorkloadName) => Workload | undefined;
  readonly layersOf: (workload: Workload) => readonly LayerKey[];
  /** What keeps changes up to a position from the proxies. */
  readonly holds: (position: StreamPosition) => readonly Hold[];
  readonly print: (resource: EncodedResource) => object;
  readonly secrets: Pick<SecretWatch, "settled">;
}

const sectionTypes: Readonly<Record<Exclude<ConfigSection, "all" | "secret">, ResourceType>> = {
  cluster: "cluster",
  endpoint: "endpoints",
  listener: "listener",
  route: "route",
};

export class NodeProxies {
  readonly #options: ProxiesOptions;

  constructor(options: ProxiesOptions) {
    this.#options = options;
  }

  connected(): ProxyStatus[] {
    return this.#options.fleet.statuses().map((stream) => this.#connected(stream));
  }

  /** Never rejects because of the signal: it answers `pending`. */
  async waitDistributed(position: StreamPosition, signal: AbortSignal): Promise<Distribution> {
    const { fleet } = this.#options;
    const holds = this.#options.holds(position);
    if (holds.length > 0) return { kind: "held", holds };
    try {
      const result = await fleet.waitDistributed(position, signal);
      // Held may also be what this node did not know at the call.
      const since = this.#options.holds(position);
      if (since.length > 0) return { kind: "held", holds: since };
      if (result.kind === "done") return await this.#withSecrets(signal);
      const refusals = result.proxies.flatMap(({ proxy, refusals }) =>
        refusals.map(({ type, name, because }) => ({ proxy, type, message: `${name}: ${because}` })),
      );
      return { kind: "refused", refusals };
    } catch (cause) {
      if (!signal.aborted) throw cause;
      return { kind: "pending", proxies: fleet.lacking(position) };
    }
  }

  async #withSecrets(signal: AbortSignal): Promise<Distribution> {
    const { fleet, secrets } = this.#options;
    const lacking = await secrets.settled(() => fleet.proxies(), signal);
    if (lacking.length > 0) return { kind: "pending", proxies: [...lacking] };
    return { kind: "distributed", proxies: fleet.size().streams };
  }

  config(proxy: WorkloadName, section: ConfigSection): Readonly<Record<string, readonly object[]>> | undefined {
    const { workload, layersOf, fleet, print } = this.#options;
    const record = workload(proxy);
    if (!record) return undefined;
    const layers = layersOf(record);
    const sections = Object.entries(sectionTypes).filter(([name]) => section === "all" || section === name);
    const shown = sections.map(([name, type]) => [name, fleet.resources(layers, type).map(print)] as const);
    return Object.fromEntries(section === "secret" || section === "all" ? [...shown, ["secret", secretNames]] : shown);
  }

  #connected({ proxy, types, position }: StreamStatus): ProxyStatus {
    const { nodeName, store } = this.#options;
    const revision = position.records < 0 ? "" : revisionOf(store.incarnation("records"), position.records);
    const shown = Object.entries(types).map(([type, { version, acked, nacked }]) => {
      const message = nacked?.resources.map(({ name, because }) => `${name}: ${because}`).join("; ") ?? "";
      const status: ProxyTypeStatus = {
        version,
        acked,
        ...(nacked && { nacked: { version: nacked.version, message } }),
      };
      return [type, status] as const;
    });
    return { proxy, meshd: nodeName, connected: true, types: Object.fromEntries(shown), revision };
  }
}

/** Secrets come from the host's agent; a node knows only how they are named, which is the same for everybody. */
const secretNames: readonly object[] = [
  { name: "default", source: "the host's agent, over SDS: the workload's SVID and key" },
  { name: "ROOTCA", source: "the host's agent, over SDS: the trust bundle" },
];
