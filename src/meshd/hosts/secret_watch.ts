/**
 * Whether gateways are done with the secrets that their configuration names: their hosts' agents serve these, so that a
 * node sees no acknowledgement of them, and a listener or cluster that lacks one serves nobody yet. Agents tell at once
 * what their Envoys took, refused, or asked for in vain (ProxyReport.secrets). Of a host whose agent is silent, or older,
 * nothing is waited for. Asked by whoever waits until a change is distributed.
 */
import type { ProxyReport } from "../../certificates/attestation/protocol.ts";
import type { WorkloadName } from "../../model/names.ts";
import type { SecretName } from "../../model/secret_name.ts";
import type { GatewayWorkload, Workload } from "../../model/workload.ts";

export interface SecretWatchOptions {
  readonly workload: (name: WorkloadName) => Workload | undefined;
  /** That the configuration of the workload's proxy names. */
  readonly named: (workload: GatewayWorkload) => readonly SecretName[];
  /** Of stored secrets that are there: name → version. */
  readonly versions: (workload: GatewayWorkload) => Readonly<Record<string, string>>;
  readonly hosts: {
    isLive(hostName: string): boolean;
    proxy(workload: string): ProxyReport | undefined;
    /** @returns how to stop. */
    onReported(listener: () => void): () => void;
  };
}

export class SecretWatch {
  readonly #options: SecretWatchOptions;

  constructor(options: SecretWatchOptions) {
    this.#options = options;
  }

  /** Resolves when none of them lacks anything, with [], or when the signal ends it, with those that do. */
  async settled(proxies: () => Iterable<string>, signal: AbortSignal): Promise<readonly string[]> {
    const { promise, resolve } = Promise.withResolvers<readonly string[]>();
    const look = (): void => {
      const lacking = [...proxies()].filter((proxy) => this.#lacks(proxy as WorkloadName));
      if (lacking.length === 0 || signal.aborted) resolve(lacking);
    };
    const stop = this.#options.hosts.onReported(look);
    signal.addEventListener("abort", look, { once: true });
    look();
    try {
      return await promise;
    } finally {
      stop();
      signal.removeEventListener("abort", look);
    }
  }

  #lacks(proxy: WorkloadName): boolean {
    const { workload: find, named, hosts } = this.#options;
    const workload = find(proxy);
    if (workload?.role !== "gateway" || !hosts.isLive(workload.host)) return false;
    const wanted = named(workload);
    const report = hosts.proxy(proxy);
    if (wanted.length === 0 || (report && !report.secrets)) return false;
    const versions = this.#options.versions(workload);
    return wanted.some((name) => {
      const version = report?.secrets?.[name];
      return version === undefined || (versions[name] !== undefined && versions[name] !== version);
    });
  }
}
