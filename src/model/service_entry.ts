/** Destinations that users declare, and where they answer: ServiceEntry and WorkloadEntry after parsing. */
import type { ServicePort } from "./endpoint.ts";
import type { SpiffeId } from "./identity.ts";
import type { Host, Locality, Namespace } from "./names.ts";
import type { Selector } from "./policy.ts";

/** Where one instance answers. */
export interface DeclaredEndpoint {
  /** An IPv4 or IPv6 literal, or a DNS name. */
  readonly address: string;
  readonly isName: boolean;
  /** Service port name → the number that answers at `address`; over the port's own target. */
  readonly ports: Readonly<Record<string, number>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly network: string;
  readonly locality: Locality;
  readonly weight: number;
  /** In the object's namespace. Present: a sidecar with its identity answers, in a service of the mesh. */
  readonly serviceAccount?: string;
}

export interface WorkloadEntry extends DeclaredEndpoint {
  readonly namespace: Namespace;
  readonly name: string;
  readonly createdAt: number;
}

export interface DeclaredPort extends ServicePort {
  /** The number that endpoints answer at. */
  readonly target: number;
}

/** How endpoints are found; "none" and "dynamic-dns": by the Host of each request. */
export type Resolution = "none" | "static" | "dns" | "dns-round-robin" | "dynamic-dns";

export interface ServiceEntry {
  readonly namespace: Namespace;
  readonly name: string;
  readonly createdAt: number;
  readonly hosts: readonly Host[];
  /** Virtual addresses and networks. */
  readonly addresses: readonly string[];
  readonly ports: readonly DeclaredPort[];
  readonly location: "external" | "internal";
  readonly resolution: Resolution;
  /** Empty with a selector; empty with DNS: the host's own name. */
  readonly endpoints: readonly DeclaredEndpoint[];
  /** WorkloadEntries of the namespace. */
  readonly selector?: Selector;
  readonly exportTo: readonly string[];
  /** Servers that are accepted besides the endpoints' own accounts. */
  readonly servers: readonly SpiffeId[];
}
