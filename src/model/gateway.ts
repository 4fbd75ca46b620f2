/** Gateway: which ports and hosts an ingress or egress proxy serves. */
import type { Namespace } from "./names.ts";
import type { Selector } from "./policy.ts";
import type { SecretName } from "./secret_name.ts";

export interface GatewayServer {
  readonly name?: string;
  /** Its name is its own among the servers of its Gateway. */
  readonly port: { readonly number: number; readonly name: string };
  /** Host patterns; "*" is all. A namespace part (ns/host) limits which VirtualServices bind; "*" is any. */
  readonly hosts: readonly { readonly namespace: string; readonly host: string }[];
  readonly serves: Serves;
}

export type Serves =
  /** In plaintext. With `redirect` every request is sent to https instead of where routes lead. */
  | { readonly kind: "http"; readonly redirect: boolean }
  | { readonly kind: "https"; readonly tls: ServerTls }
  | { readonly kind: "tcp" }
  /** TLS is ended, and what is inside is carried on as bytes. */
  | { readonly kind: "tls"; readonly tls: ServerTls }
  /** TLS is carried on as it is, by the host that its client named. */
  | { readonly kind: "passthrough" };

/** How a gateway ends TLS. */
export type ServerTls =
  /** With the mesh's own certificates, as sidecars do. */
  { readonly kind: "mesh" } | { readonly kind: "own"; readonly own: OwnServerTls };

export interface OwnServerTls {
  /** At least one; several have keys of different kinds. */
  readonly certificates: readonly SecretName[];
  /** Absent: clients are asked for no certificate. */
  readonly clients?: ClientCertificates;
  /** Absent: TLS 1.2. */
  readonly minVersion?: TlsVersion;
  /** Absent: the newest that the proxy knows. */
  readonly maxVersion?: TlsVersion;
  /** Of TLS 1.2 and below; empty: the proxy's own. */
  readonly cipherSuites: readonly string[];
}

export interface ClientCertificates {
  /** Who may have signed them. */
  readonly authorities: SecretName;
  /** Whether a client without one is refused. */
  readonly required: boolean;
  /** One of these must be in it; empty: any that is signed will do. */
  readonly names: readonly string[];
}

/** Secrets that its TLS is ended with. */
export function secretsOfServer({ serves }: GatewayServer): readonly SecretName[] {
  const isTls = serves.kind === "https" || serves.kind === "tls";
  return isTls && serves.tls.kind === "own" ? secretsOfOwn(serves.tls.own) : [];
}

export function secretsOfOwn({ certificates, clients }: OwnServerTls): readonly SecretName[] {
  return clients ? [...certificates, clients.authorities] : certificates;
}

export const tlsVersions = ["TLSV1_0", "TLSV1_1", "TLSV1_2", "TLSV1_3"] as const;
export type TlsVersion = (typeof tlsVersions)[number];

export interface Gateway {
  readonly namespace: Namespace;
  readonly name: string;
  /** Gateway workloads (of any namespace, as Istio does by default) whose labels include these. */
  readonly selector: Selector;
  readonly servers: readonly GatewayServer[];
  readonly createdAt: number;
}

/** namespace/name, as a VirtualService's `gateways` names it. */
export function gatewayKey(gateway: { readonly namespace: Namespace; readonly name: string }): string {
  return `${gateway.namespace}/${gateway.name}`;
}
