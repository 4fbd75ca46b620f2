/**
 * A workload: one instance of a service (or a gateway) beside its proxy. The record is made when its host's agent has
 * proven who it is; everything a proxy is told about itself is read from here, never from the proxy's own metadata.
 */
import { type Host, type Locality, type Namespace, type ServiceRef, serviceHost, type WorkloadName } from "./names.ts";
import type { Protocol } from "./protocol.ts";

/** An address on this host that the proxy listens on. */
export interface LocalAddress {
  readonly address: string;
  readonly port: number;
}

export interface InboundPort {
  /** The service port's name; says the protocol. */
  readonly name: string;
  /** The service's number. */
  readonly port: number;
  /** The application's number on loopback; what policies' `ports` mean. */
  readonly appPort: number;
  readonly protocol: Protocol;
  /** Where the proxy listens for the mesh. */
  readonly listen: LocalAddress;
}

/** `--upstream SERVICE:PORT=HOST:PORT`: a TCP way out, to a service or to a ServiceEntry's host. */
export type Upstream = {
  readonly port: number;
  readonly listen: LocalAddress;
} & ({ readonly service: ServiceRef } | { readonly host: Host });

export function hostOfUpstream(upstream: Upstream): Host {
  return "host" in upstream ? upstream.host : serviceHost(upstream.service);
}

interface WorkloadBase {
  readonly name: string;
  readonly namespace: Namespace;
  readonly serviceAccount: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly locality: Locality;
  readonly network: string;
  /** The agent's host name; only that agent may ask for its identity. */
  readonly host: string;
}

export interface SidecarWorkload extends WorkloadBase {
  readonly role: "sidecar";
  readonly service: ServiceRef;
  readonly inbound: readonly InboundPort[];
  /** The HTTP way out. */
  readonly outbound: LocalAddress;
  readonly upstreams: readonly Upstream[];
}

export interface GatewayWorkload extends WorkloadBase {
  readonly role: "gateway";
  readonly eastWest: boolean;
  /** Port a Gateway object names → where this gateway listens for it. */
  readonly listeners: Readonly<Record<string, LocalAddress>>;
}

export type Workload = SidecarWorkload | GatewayWorkload;

export function nameOfWorkload(workload: Workload): WorkloadName {
  return `${workload.name}.${workload.namespace}` as WorkloadName;
}
