/** Who stands behind a name or an address, for the traffic counts: from workload records and endpoints. */
import type { Endpoint } from "../model/endpoint.ts";
import { type Host, type ServiceRef, serviceOfHost, type WorkloadName } from "../model/names.ts";
import type { Workload } from "../model/workload.ts";
import type { Directory, Instance } from "../telemetry/fleet.ts";

export interface DirectorySource {
  workload(name: WorkloadName): Workload | undefined;
  endpoints(service: ServiceRef): Iterable<Endpoint>;
}

export class TrafficDirectory implements Directory {
  readonly #source: DirectorySource;

  constructor(source: DirectorySource) {
    this.#source = source;
  }

  workload(name: string): (Instance & { readonly role: "sidecar" | "gateway" }) | undefined {
    const workload = this.#source.workload(name as WorkloadName);
    if (!workload) return undefined;
    const { namespace, labels, role } = workload;
    const service = workload.role === "sidecar" ? workload.service.name : workload.name;
    return { service, namespace, version: labels.version ?? "", role };
  }

  endpoint(cluster: string, endpoint: string): Instance | undefined {
    const [direction, , , host] = cluster.split("|");
    const ref = direction === "outbound" && host ? serviceOfHost(host as Host) : undefined;
    if (!ref) return undefined;
    const colon = endpoint.lastIndexOf(":");
    const address = endpoint.slice(0, colon).replace(/^\[|\]$/g, "");
    const port = Number(endpoint.slice(colon + 1));
    for (const one of this.#source.endpoints(ref)) {
      if (one.address === address && Object.values(one.ports).includes(port)) {
        return { service: ref.name, namespace: ref.namespace, version: one.labels.version ?? "" };
      }
    }
    return undefined;
  }
}
