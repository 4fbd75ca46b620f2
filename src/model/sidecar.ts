/**
 * A Sidecar after parsing: what workloads may reach, and so what their proxies are told of; and how what comes in reaches
 * their applications.
 */
import type { Namespace } from "./names.ts";
import type { Selector } from "./policy.ts";
import type { Protocol } from "./protocol.ts";
import type { ConnectionPool, OutboundTrafficPolicy } from "./traffic.ts";

/** Hosts of a namespace that may be reached. */
export interface EgressHosts {
  /** "*": any; ".": the caller's own; "~": none. */
  readonly namespace: Namespace | "*" | "." | "~";
  /** A full name, "*.SUFFIX" or "*". */
  readonly host: string;
}

/** Where an application listens, on its proxy's host. */
export type ApplicationAddress =
  | { readonly kind: "loopback"; readonly version: 4 | 6; readonly port: number }
  /** The address at which the instance is reached. */
  | { readonly kind: "instance"; readonly port: number }
  /** A Unix socket, by its absolute path. */
  | { readonly kind: "socket"; readonly path: string };

/** How what comes in for one port of the application is taken. */
export interface Ingress {
  /** As the workload was run with it, and as policies name it. */
  readonly port: number;
  readonly protocol: Protocol;
  /** Absent: the port itself, on loopback. */
  readonly to?: ApplicationAddress;
  /** In place of the Sidecar's. */
  readonly pool?: ConnectionPool;
}

export interface Sidecar {
  readonly namespace: Namespace;
  readonly name: string;
  readonly createdAt: number;
  /** Absent: every workload of the namespace; in the root namespace, of every namespace that has no Sidecar of its own. */
  readonly selector?: Selector;
  /** Absent: as the wider Sidecar says, and without one everything. */
  readonly egress?: readonly EgressHosts[];
  /** Absent: likewise. */
  readonly outboundTrafficPolicy?: OutboundTrafficPolicy;
  /** Each port once. Nothing of it, nor of `inboundPool`, is taken from a wider Sidecar. */
  readonly ingress?: readonly Ingress[];
  /** Of every port's connections to the application. */
  readonly inboundPool?: ConnectionPool;
}
