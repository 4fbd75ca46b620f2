/** What workloads may reach, and so what their proxies are told of: a Sidecar after parsing. */
import type { Namespace } from "./names.ts";
import type { Selector } from "./policy.ts";
import type { OutboundTrafficPolicy } from "./traffic.ts";

/** Hosts of a namespace that may be reached. */
export interface EgressHosts {
  /** "*": any; ".": the caller's own; "~": none. */
  readonly namespace: Namespace | "*" | "." | "~";
  /** A full name, "*.SUFFIX" or "*". */
  readonly host: string;
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
}
