/**
 * The documents of what the mesh registers by itself: workloads, and services as each source tells them. What is printed
 * here, parse.ts takes. For `get`, whose answers `meshctl compile` reads. Pure.
 */
import type { Endpoint, EndpointShard } from "../../model/endpoint.ts";
import { serviceAccountOf } from "../../model/identity.ts";
import type { ServiceRef } from "../../model/names.ts";
import type { LocalAddress, Workload } from "../../model/workload.ts";
import type { RegisteredKind } from "../kinds/catalog.ts";
import { apiVersionOf } from "../kinds/catalog.ts";

export interface RegisteredDocument {
  readonly apiVersion: string;
  readonly kind: RegisteredKind;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels?: Readonly<Record<string, string>>;
  };
  readonly spec: Readonly<Record<string, unknown>>;
}

export function workloadDocument(workload: Workload): RegisteredDocument {
  const { name, namespace, labels } = workload;
  return documentOf("Workload", { name, namespace, labels }, { ...sharedSpec(workload), ...ownSpec(workload) });
}

function sharedSpec({ role, serviceAccount, locality, network, host }: Workload): object {
  return { role, serviceAccount, ...filled({ locality, network }), host };
}

function ownSpec(workload: Workload): object {
  if (workload.role === "gateway") {
    const listeners = Object.entries(workload.listeners).map(([port, at]) => [port, printAddress(at)] as const);
    return { eastWest: workload.eastWest, listeners: Object.fromEntries(listeners) };
  }
  const { service, inbound, outbound, upstreams } = workload;
  const reach = (ref: ServiceRef): string =>
    ref.namespace === workload.namespace ? ref.name : `${ref.name}.${ref.namespace}`;
  return {
    service: reach(service),
    // A port's protocol is what its name says.
    ports: inbound.map(({ name, port, appPort, listen }) => ({ name, port, appPort, listen: printAddress(listen) })),
    outbound: printAddress(outbound),
    upstreams: upstreams.map((upstream) => ({
      ...("host" in upstream ? { host: upstream.host } : { service: reach(upstream.service) }),
      port: upstream.port,
      listen: printAddress(upstream.listen),
    })),
  };
}

/** @param shards all of one service's. */
export function serviceDocument({ namespace, name }: ServiceRef, shards: readonly EndpointShard[]): RegisteredDocument {
  const bySource = Map.groupBy(shards, ({ source }) => source);
  const sources = [...bySource].sort(([a], [b]) => (a < b ? -1 : 1)).map(([source, of]) => sourceSpec(source, of));
  return documentOf("Service", { name, namespace }, { sources });
}

function sourceSpec(source: string, shards: readonly EndpointShard[]): object {
  const inOrder = [...shards].sort((a, b) => a.shard - b.shard);
  const endpoints = inOrder.flatMap((shard) => shard.endpoints.map(endpointSpec));
  return { source, ports: inOrder[0]?.ports ?? [], endpoints };
}

function endpointSpec({ id, address, ports, ...more }: Endpoint): object {
  const { health, weight, locality, network, labels, identity, workload } = more;
  const serviceAccount = identity === undefined ? undefined : serviceAccountOf(identity)?.serviceAccount;
  return {
    id,
    address,
    ports,
    ...(health === "healthy" ? {} : { health }),
    ...(weight === 1 ? {} : { weight }),
    ...filled({ locality, network }),
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
    ...(serviceAccount === undefined ? {} : { serviceAccount }),
    ...(workload === undefined ? {} : { workload }),
  };
}

function documentOf(
  kind: RegisteredKind,
  metadata: RegisteredDocument["metadata"],
  spec: RegisteredDocument["spec"],
): RegisteredDocument {
  return { apiVersion: apiVersionOf(kind), kind, metadata, spec };
}

/** Without what is "". */
function filled(texts: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== ""));
}

function printAddress({ address, port }: LocalAddress): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
