/** WorkloadEntry, and each endpoint of a ServiceEntry → model. */
import { isIP } from "node:net";
import type { DeclaredEndpoint, WorkloadEntry } from "../../model/service_entry.ts";
import { localityOf } from "../endpoints/parse.ts";
import { type Owner, undotted } from "./shared.model.ts";
import type { WorkloadEntrySpec } from "./workload_entry.schema.ts";

export function toWorkloadEntry(spec: WorkloadEntrySpec, owner: Owner): WorkloadEntry {
  return { ...owner, ...endpointOf(spec) };
}

export function endpointOf(spec: WorkloadEntrySpec): DeclaredEndpoint {
  const { ports = {}, labels = {}, network = "", weight, serviceAccount } = spec;
  const isName = isIP(spec.address) === 0;
  return {
    address: isName ? undotted(spec.address.toLowerCase()) : spec.address,
    isName,
    ports,
    labels,
    network,
    locality: localityOf(spec.locality),
    weight: weight || 1,
    ...(serviceAccount === undefined || saysMtls(labels) === false ? {} : { serviceAccount }),
  };
}

/** undefined: its label does not say, and the service account decides. */
export function saysMtls(labels: Readonly<Record<string, string>> = {}): boolean | undefined {
  const mode = labels["security.istio.io/tlsMode"] ?? labels["security.mesh.io/tlsMode"];
  if (mode === "istio" || mode === "mesh") return true;
  return mode === "disabled" ? false : undefined;
}
