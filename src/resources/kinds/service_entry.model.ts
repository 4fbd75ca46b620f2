/** ServiceEntry → model. */
import type { SpiffeId } from "../../model/identity.ts";
import type { Host } from "../../model/names.ts";
import { protocolFrom, protocolOfPortName } from "../../model/protocol.ts";
import type { DeclaredPort, Resolution, ServiceEntry } from "../../model/service_entry.ts";
import type { ServiceEntrySpec } from "./service_entry.schema.ts";
import { exportToOf, type Owner, undotted } from "./shared.model.ts";
import { endpointOf } from "./workload_entry.model.ts";

type PortSpec = ServiceEntrySpec["ports"][number];

const resolutions: Readonly<Record<NonNullable<ServiceEntrySpec["resolution"]>, Resolution>> = {
  NONE: "none",
  STATIC: "static",
  DNS: "dns",
  DNS_ROUND_ROBIN: "dns-round-robin",
  DYNAMIC_DNS: "dynamic-dns",
};

export function toServiceEntry(spec: ServiceEntrySpec, owner: Owner): ServiceEntry {
  const { addresses = [], endpoints = [], workloadSelector, subjectAltNames = [] } = spec;
  return {
    ...owner,
    hosts: spec.hosts.map(entryHost),
    addresses,
    ports: spec.ports.map(portOf),
    location: spec.location === "MESH_INTERNAL" ? "internal" : "external",
    resolution: resolutions[spec.resolution ?? "NONE"],
    endpoints: endpoints.map(endpointOf),
    ...(workloadSelector ? { selector: { labels: workloadSelector.labels ?? {} } } : {}),
    exportTo: exportToOf(spec.exportTo, owner),
    servers: subjectAltNames as readonly SpiffeId[],
  };
}

/** Taken as it stands: a word without a dot is no service of the namespace. */
export function entryHost(word: string): Host {
  return undotted(word.toLowerCase()) as Host;
}

function portOf({ number, name, protocol, targetPort }: PortSpec): DeclaredPort {
  const known = protocol === undefined ? undefined : protocolFrom(protocol);
  return { name, port: number, protocol: known ?? protocolOfPortName(name), target: targetPort ?? number };
}
