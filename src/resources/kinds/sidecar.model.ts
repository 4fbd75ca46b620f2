/** Sidecar → model. */
import { type Protocol, protocolFrom, protocolOfPortName } from "../../model/protocol.ts";
import type { EgressHosts, Ingress, Sidecar } from "../../model/sidecar.ts";
import { applicationAddressOf } from "../schema/application_address.ts";
import { poolOf } from "./connection_pool.model.ts";
import { type Owner, selectorOf, undotted } from "./shared.model.ts";
import { meshNamespace } from "./shared.rules.ts";
import type { SidecarSpec } from "./sidecar.schema.ts";

export type IngressSpec = NonNullable<SidecarSpec["ingress"]>[number];

export function toSidecar(spec: SidecarSpec, owner: Owner): Sidecar {
  const { workloadSelector, egress, outboundTrafficPolicy, ingress, inboundConnectionPool } = spec;
  return {
    ...owner,
    ...selectorOf(workloadSelector && { matchLabels: workloadSelector.labels ?? {} }),
    ...(egress ? { egress: egress.flatMap(({ hosts }) => hosts.map(egressHostsOf)) } : {}),
    ...(outboundTrafficPolicy ? { outboundTrafficPolicy: outboundTrafficPolicy.mode } : {}),
    ...(ingress ? { ingress: ingress.map(ingressOf) } : {}),
    ...(inboundConnectionPool ? { inboundPool: poolOf(inboundConnectionPool) } : {}),
  };
}

function ingressOf({ port, defaultEndpoint, connectionPool }: IngressSpec): Ingress {
  const to = defaultEndpoint === undefined ? undefined : applicationAddressOf(defaultEndpoint);
  return {
    port: port.number,
    protocol: ingressProtocol(port) ?? "auto",
    ...(to ? { to } : {}),
    ...(connectionPool ? { pool: poolOf(connectionPool) } : {}),
  };
}

/** undefined: a word that names none. */
export function ingressProtocol({ protocol, name = "" }: IngressSpec["port"]): Protocol | undefined {
  return protocol === undefined ? protocolOfPortName(name) : protocolFrom(protocol);
}

function egressHostsOf(word: string): EgressHosts {
  const slash = word.indexOf("/");
  return {
    namespace: meshNamespace(word.slice(0, slash)) as EgressHosts["namespace"],
    host: undotted(word.slice(slash + 1).toLowerCase()),
  };
}
