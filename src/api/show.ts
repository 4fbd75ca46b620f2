/** Objects, services and workloads as callers see them: one shape, Kubernetes' own. Pure but for reading the copy. */
import type { EndpointShard } from "../model/endpoint.ts";
import { type Namespace, type ServiceRef, serviceKey } from "../model/names.ts";
import type { ObjectKind, Resource, StoredResource } from "../model/object.ts";
import type { Workload } from "../model/workload.ts";
import { redacted } from "../platform/log.ts";
import { storedSecret } from "../resources/kinds/secret.model.ts";
import { serviceDocument, workloadDocument } from "../resources/offline/print.ts";
import type { KindName } from "./kinds.ts";
import type { Mirror } from "./ports.ts";

export interface Shown {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly generation?: number;
    readonly creationTimestamp?: string;
  };
  readonly spec?: unknown;
  readonly status?: unknown;
  /** Of a Secret. */
  readonly type?: string;
  readonly data?: Readonly<Record<string, string>>;
}

interface Named {
  readonly namespace: Namespace;
  readonly name: string;
}

export function showOne(mirror: Mirror, kind: KindName, { namespace, name }: Named): Shown | undefined {
  if (kind === "Workload") {
    const { value } = mirror.workload(namespace, name);
    return value && showWorkload(value);
  }
  if (kind === "Service") {
    const [service] = showServices(mirror.shards({ namespace, name }));
    return service;
  }
  const { value } = mirror.object({ kind, namespace, name });
  return value && showObject(value);
}

/** By kind, namespace and name. "all": the user's own objects, all of them. */
export function showAll(mirror: Mirror, kinds: readonly KindName[] | "all"): readonly Shown[] {
  const shown =
    kinds === "all" ? showKind(mirror, undefined) : [...new Set(kinds)].flatMap((kind) => showKind(mirror, kind));
  return shown.sort((a, b) => compare(orderOf(a), orderOf(b)));
}

function showKind(mirror: Mirror, kind: KindName | undefined): Shown[] {
  if (kind === "Workload") return Array.from(mirror.workloads(), ({ value }) => showWorkload(value));
  if (kind === "Service") return showServices(mirror.shards());
  const objects = Array.from(mirror.objects(), ({ value }) => value);
  return objects.filter(({ resource }) => kind === undefined || isKind(resource.kind, kind)).map(showObject);
}

function isKind(actual: ObjectKind, wanted: KindName): boolean {
  return actual === wanted;
}

function orderOf({ kind, metadata }: Shown): string {
  return `${kind}\0${metadata.namespace}\0${metadata.name}`;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}

function showObject({ resource, generation, createdAtMs }: StoredResource): Shown {
  const { apiVersion, kind, metadata, spec } = resource;
  const creationTimestamp = new Date(createdAtMs).toISOString();
  const described = { ...metadata, generation, creationTimestamp };
  if (kind === "Secret") return { apiVersion, kind, metadata: described, ...secretFields(spec) };
  return { apiVersion, kind, metadata: described, spec };
}

/** As its user wrote it, but for what is in it. */
function secretFields(spec: Resource["spec"]): Pick<Shown, "type" | "data" | "status"> {
  const { type, keys, notAfterMs, version } = storedSecret(spec);
  const data = Object.fromEntries(keys.map((key) => [key, redacted]));
  return { type, data, status: { version, notAfter: new Date(notAfterMs).toISOString() } };
}

/** Its spec is what `meshctl compile` takes; its status what a table shows. */
function showWorkload(workload: Workload): Shown {
  const service = workload.role === "sidecar" ? workload.service.name : "";
  return { ...workloadDocument(workload), status: { role: workload.role, service, host: workload.host } };
}

/** What all sources together say of each service. */
function showServices(shards: Iterable<{ readonly value: EndpointShard }>): Shown[] {
  const services = new Map<string, EndpointShard[]>();
  for (const { value } of shards) {
    const key = serviceKey(value.service);
    services.set(key, [...(services.get(key) ?? []), value]);
  }
  return [...services.values()].flatMap((of) => (of[0] ? [showService(of[0].service, of)] : []));
}

function showService(service: ServiceRef, shards: readonly EndpointShard[]): Shown {
  const endpoints = shards.flatMap((shard) => shard.endpoints);
  const ports = new Set(shards.flatMap((shard) => shard.ports).map((port) => `${port.port}/${port.protocol}`));
  const status = {
    ports: [...ports],
    endpoints: endpoints.length,
    healthy: endpoints.filter(({ health }) => health === "healthy").length,
    sources: [...new Set(shards.map(({ source }) => source))].sort(),
  };
  return { ...serviceDocument(service, shards), status };
}
