/** Gateway: which ports and hosts an ingress or egress proxy serves. */
import type { Namespace } from "./names.ts";
import type { Selector } from "./policy.ts";

export interface GatewayServer {
  readonly name?: string;
  readonly port: { readonly number: number; readonly name: string; readonly protocol: "http" | "http2" | "grpc" };
  /** Host patterns; "*" is all. A namespace part (ns/host) limits which VirtualServices bind; "*" is any. */
  readonly hosts: readonly { readonly namespace: string; readonly host: string }[];
}

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
