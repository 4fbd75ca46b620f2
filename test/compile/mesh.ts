/** Small meshes for tests of the compiler: what matters is said, the rest is usual. */
import type { Compiler } from "../../src/compile/compiler.ts";
import type { InputChange } from "../../src/compile/input.ts";
import type { Endpoint, EndpointShard, ServicePort } from "../../src/model/endpoint.ts";
import { defaultTrustDomain, serviceAccountId } from "../../src/model/identity.ts";
import { type Host, type Locality, type Namespace, resolveHost } from "../../src/model/names.ts";
import type { MeshObject } from "../../src/model/object.ts";
import { protocolOfPortName } from "../../src/model/protocol.ts";
import type { Destination, VirtualService } from "../../src/model/route.ts";
import type { EgressHosts, Sidecar } from "../../src/model/sidecar.ts";
import type { GatewayWorkload, SidecarWorkload, Workload } from "../../src/model/workload.ts";

export const ns = (text: string): Namespace => text as Namespace;
export const hostOf = (name: string, namespace = "default"): Host => resolveHost(name, ns(namespace));

export function endpoint(id: string, rest: Partial<Endpoint> = {}): Endpoint {
  return {
    id,
    address: `10.0.0.${id}`,
    ports: { http: 8080 },
    health: "healthy",
    weight: 1,
    locality: "" as Locality,
    network: "",
    labels: {},
    transport: "mtls",
    identity: serviceAccountId(defaultTrustDomain, { namespace: ns("default"), serviceAccount: "default" }),
    ...rest,
  };
}

export function shard(
  name: string,
  endpoints: readonly Endpoint[],
  rest: Partial<EndpointShard> & { readonly namespace?: string; readonly portNames?: readonly string[] } = {},
): EndpointShard {
  const { namespace = "default", portNames = ["http:80"], ...given } = rest;
  const ports = portNames.map((text): ServicePort => {
    const [port = "", number] = text.split(":");
    return { name: port, port: Number(number), protocol: protocolOfPortName(port) };
  });
  return { service: { namespace: ns(namespace), name }, source: "api", shard: 0, ports, endpoints, ...given };
}

export const setShard = (value: EndpointShard): InputChange => ({ kind: "shard", shard: value });
export const setWorkload = (workload: Workload): InputChange => ({ kind: "workload", workload });
export const setObject = (object: MeshObject): InputChange => ({ kind: "object", object });

/** What the step computed, by kind. */
export function recomputedBy(compiler: Compiler, step: () => void): Readonly<Record<string, number>> {
  const before = new Map(compiler.recomputed);
  step();
  const grown = [...compiler.recomputed].map(([kind, count]) => [kind, count - (before.get(kind) ?? 0)] as const);
  return Object.fromEntries(grown.filter(([, count]) => count > 0));
}

export function sidecar(name: string, namespace = "default", rest: Partial<SidecarWorkload> = {}): SidecarWorkload {
  return {
    role: "sidecar",
    name,
    namespace: ns(namespace),
    serviceAccount: "default",
    labels: { app: name },
    locality: "" as Locality,
    network: "",
    host: "laptop",
    service: { namespace: ns(namespace), name },
    inbound: [],
    outbound: { address: "127.0.0.1", port: 15001 },
    upstreams: [],
    ...rest,
  };
}

export function gatewayWorkload(name: string, rest: Partial<GatewayWorkload> = {}): GatewayWorkload {
  const { service: _, inbound: __, outbound: ___, upstreams: ____, ...base } = sidecar(name);
  return { ...base, role: "gateway", eastWest: false, listeners: {}, ...rest };
}

export function virtualService(
  host: string,
  destination: Partial<Destination>,
  rest: Partial<VirtualService> = {},
): MeshObject & { readonly kind: "VirtualService" } {
  return {
    kind: "VirtualService",
    namespace: ns("default"),
    name: host,
    hosts: [hostOf(host)],
    gateways: ["mesh"],
    exportTo: [],
    createdAt: 1,
    tls: [],
    tcp: [],
    http: [{ matches: [], mirrors: [], destinations: [{ host: hostOf(host), weight: 100, ...destination }] }],
    ...rest,
  };
}

/** @param hosts NAMESPACE/HOST */
export function sidecarObject(
  hosts: readonly string[],
  rest: Partial<Sidecar> = {},
): MeshObject & { readonly kind: "Sidecar" } {
  const egress = hosts.map((word) => {
    const [namespace = "", host = ""] = word.split("/");
    return { namespace: namespace as EgressHosts["namespace"], host };
  });
  return { kind: "Sidecar", namespace: ns("default"), name: "default", createdAt: 1, egress, ...rest };
}

export function destinationRule(
  host: string,
  versions: readonly string[],
  rest: Partial<MeshObject & { readonly kind: "DestinationRule" }> = {},
): MeshObject & { readonly kind: "DestinationRule" } {
  return {
    kind: "DestinationRule",
    namespace: ns("default"),
    name: host,
    host: hostOf(host),
    exportTo: [],
    settings: {},
    portSettings: {},
    subsets: versions.map((name) => ({ name, labels: { version: name }, settings: {}, portSettings: {} })),
    createdAt: 1,
    ...rest,
  };
}
