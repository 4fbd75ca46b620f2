/**
 * Admission: what an object that somebody wants to write would come to. Each candidate is compiled in a scene of its own
 * (the object, what it names, and a workload that it selects), never in the live graph, and every item is given to
 * the proxy's own rules. A scene stands for all workloads and services that the object concerns: one HTTP, one TCP and one
 * undeclared port bring out everything that the object can say. Called by the API before it commits.
 */
import type { EndpointShard, ServicePort } from "../model/endpoint.ts";
import { covers } from "../model/host_pattern.ts";
import {
  type Host,
  type Namespace,
  rootNamespace,
  type ServiceRef,
  serviceHost,
  serviceKey,
  serviceOfHost,
} from "../model/names.ts";
import { type MeshObject, type ObjectRef, objectKey } from "../model/object.ts";
import type { ValueSet } from "../model/policy.ts";
import type { Problem } from "../model/problem.ts";
import { destinationsOf } from "../model/route.ts";
import type { WorkloadEntry } from "../model/service_entry.ts";
import type { GatewayWorkload, InboundPort, SidecarWorkload, Workload } from "../model/workload.ts";
import { keepNewest } from "../platform/keep_newest.ts";
import { limits } from "../platform/limits.ts";
import { hasLabels } from "./assignments.ts";
import { Compiler } from "./compiler.ts";
import { type InputChange, type MeshInput, meshGateway } from "./input.ts";
import type { Item } from "./ir.ts";
import { same } from "./same.ts";

/** What a proxy would refuse about an item. */
export type Validate = (item: Item) => readonly { readonly path: string; readonly message: string }[];

export interface CheckInput {
  /** The mesh as it is. Read only. */
  readonly mesh: MeshInput;
  /** The objects as they would be after the write. */
  readonly candidates: readonly MeshObject[];
  /** Objects that the same write takes away. */
  readonly removed?: readonly ObjectRef[];
  readonly validate: Validate;
}

/** Services that one wildcard is tried on; the next ones would come to the same. */
const servicesTried = 16;

export function checkObjects({ mesh, candidates, removed = [], validate }: CheckInput): readonly Problem[] {
  const replaced = new Set([...candidates, ...removed].map(objectKey));
  const others = [...mesh.objects()].filter((object) => !replaced.has(objectKey(object)));
  const after = [...others, ...candidates];
  return candidates.flatMap((object) => {
    const compiler = new Compiler();
    const changes = compiler.update([
      { kind: "settings", settings: mesh.settings.current() },
      { kind: "object", object },
      ...sceneOf(object, after, mesh),
    ]);
    return changes.flatMap(({ set }) => set).flatMap((item) => problemsOf(object, item, validate));
  });
}

/** Passes over what it found good the last time: most of a scene is the same for every object of a kind. */
export function rememberingGood(validate: Validate): Validate {
  const good = new Map<string, Item>();
  return (item) => {
    const key = `${item.type} ${item.name}`;
    const before = good.get(key);
    if (before && same(before, item)) return [];
    const problems = validate(item);
    if (problems.length === 0) {
      good.delete(key);
      good.set(key, item);
      keepNewest(good, limits.admissionItems);
    }
    return problems;
  };
}

function problemsOf(object: ObjectRef, item: Item, validate: Validate): readonly Problem[] {
  return validate(item).map(({ path, message }) => ({
    code: "MSH1601",
    severity: "error",
    object: `${object.kind.toLowerCase()} ${object.namespace}/${object.name}`,
    message: `would make Envoy refuse ${item.type} ${item.name}: ${path}: ${message}; change what leads to it`,
  }));
}

function sceneOf(object: MeshObject, after: readonly MeshObject[], mesh: MeshInput): readonly InputChange[] {
  switch (object.kind) {
    case "VirtualService": {
      if (object.hosts.length === 0) return asRoot(object, mesh);
      const delegates = object.http.flatMap(({ delegate }) => delegate ?? []);
      const handed = after.filter(
        (other) => other.kind === "VirtualService" && delegates.some((ref) => keyOf(ref) === keyOf(other)),
      );
      const named = [...object.hosts, ...destinationsOf(object).map(({ host }) => host)];
      const gateways = after.filter((other) => other.kind === "Gateway" && object.gateways.includes(keyOf(other)));
      const workloads = gateways.map((gateway) => gatewayFor(gateway, object.namespace));
      const caller = object.gateways.includes(meshGateway) ? [callerIn(object.namespace)] : [];
      const known = asChanges([...handed, ...entriesOf(named, after), ...gateways]);
      return [...servicesOf(named, mesh), ...known, ...workloads, ...caller];
    }
    case "DestinationRule": {
      const found = [...servicesOf([object.host], mesh), ...asChanges(entriesOf([object.host], after))];
      const ports = [object, ...object.subsets].flatMap(({ portSettings }) => Object.keys(portSettings));
      return found.length > 0 ? found : standIn(object.host, ports.map(Number));
    }
    case "CircuitBreaker":
    case "TrafficPolicy":
    case "FaultInjection": {
      const host = serviceHost(object.service);
      const found = servicesOf([host], mesh);
      return [...(found.length > 0 ? found : standIn(host, [])), callerIn(object.namespace)];
    }
    case "Gateway": {
      const bound = after.filter((other) => other.kind === "VirtualService" && other.gateways.includes(keyOf(object)));
      return [...asChanges(bound), gatewayFor(object, object.namespace)];
    }
    case "ServiceEntry": {
      const entries = after.filter((other) => other.kind === "WorkloadEntry" && other.namespace === object.namespace);
      return [...asChanges(object.selector ? entries : []), callerIn(object.namespace)];
    }
    case "WorkloadEntry": {
      const selecting = after.filter((other) => other.kind === "ServiceEntry" && selects(other, object));
      return asChanges(selecting);
    }
    case "Secret":
      return [];
    case "Sidecar":
      return [
        callerIn(object.namespace),
        sidecarFor(
          object,
          (object.ingress ?? []).map(({ port }) => port),
        ),
      ];
    case "RateLimitPolicy":
      return [sidecarFor({ namespace: object.namespace, service: object.service }, [])];
    case "PeerAuthentication":
      return [sidecarFor(object, Object.keys(object.portModes).map(Number))];
    case "AuthorizationPolicy": {
      const sets = object.rules.flatMap(({ to }) => to.map(({ ports }) => ports));
      return [sidecarFor(object, sets.flatMap(numbersIn))];
    }
    case "Telemetry":
      return [sidecarFor(object, [])];
  }
}

/** What is delegated to is tried as if it had a host of its own. */
function asRoot(object: MeshObject & { readonly kind: "VirtualService" }, mesh: MeshInput): readonly InputChange[] {
  const named = object.http.flatMap(({ destinations }) => destinations.map(({ host }) => host));
  const root = { ...object, name: `check-${object.name}`, hosts: ["check.invalid" as Host] };
  return [...servicesOf(named, mesh), { kind: "object", object: root }, callerIn(object.namespace)];
}

function keyOf({ namespace, name }: Pick<ObjectRef, "namespace" | "name">): string {
  return `${namespace}/${name}`;
}

function asChanges(objects: readonly MeshObject[]): readonly InputChange[] {
  return objects.map((object) => ({ kind: "object", object }));
}

function numbersIn({ any, none }: ValueSet): readonly number[] {
  return [...any, ...none].flatMap((match) => (match.kind === "exact" ? Number(match.value) : []));
}

/** The services that hosts name, with their ports and without their endpoints. */
function servicesOf(hosts: readonly Host[], mesh: MeshInput): readonly InputChange[] {
  const exact = hosts.flatMap((host) => serviceOfHost(host) ?? []);
  const wild = mesh.services
    .current()
    .filter((service) => hosts.some((host) => host.startsWith("*") && covers(host, serviceHost(service))));
  const wanted = new Set([...exact, ...wild.slice(0, servicesTried)].map(serviceKey));
  return [...wanted].flatMap((key) =>
    mesh.shards.get(key).map((shard) => ({ kind: "shard", shard: { ...shard, endpoints: [] } }) as const),
  );
}

/** ServiceEntries for hosts that these name. */
function entriesOf(hosts: readonly Host[], after: readonly MeshObject[]): readonly MeshObject[] {
  const named = (host: Host): boolean => hosts.some((wanted) => covers(wanted, host));
  return after.filter((other) => other.kind === "ServiceEntry" && other.hosts.some(named)).slice(0, servicesTried);
}

function selects(entry: MeshObject & { readonly kind: "ServiceEntry" }, { namespace, labels }: WorkloadEntry): boolean {
  return entry.selector !== undefined && entry.namespace === namespace && hasLabels(labels, entry.selector.labels);
}

function standIn(host: Host, numbers: readonly number[]): readonly InputChange[] {
  const service: ServiceRef = serviceOfHost(host) ?? { namespace: rootNamespace, name: "any" };
  const ports: readonly ServicePort[] = [
    ...[...new Set([80, ...numbers])].map((port) => ({ name: `http-${port}`, port, protocol: "http" }) as const),
    { name: "tcp", port: 65_535, protocol: "tcp" },
  ];
  const shard: EndpointShard = { service, source: "check", shard: 0, ports, endpoints: [] };
  return [{ kind: "shard", shard }];
}

const nowhere = { address: "127.0.0.1", port: 1 } as const;

function workloadBase(namespace: Namespace, labels: Readonly<Record<string, string>>) {
  const locality = "" as Workload["locality"];
  return { name: "check", namespace, serviceAccount: "default", labels, locality, network: "", host: "check" };
}

function gatewayFor(gateway: MeshObject, namespace: Namespace): InputChange {
  const servers = gateway.kind === "Gateway" ? gateway.servers : [];
  const labels = gateway.kind === "Gateway" ? gateway.selector.labels : {};
  const listeners = Object.fromEntries(servers.map(({ port }) => [String(port.number), nowhere]));
  const workload: GatewayWorkload = {
    ...workloadBase(namespace, labels),
    name: `check-${gateway.name}`,
    role: "gateway",
    eastWest: false,
    listeners,
  };
  return { kind: "workload", workload };
}

function callerIn(namespace: Namespace): InputChange {
  return { kind: "caller", namespace, present: true };
}

function sidecarFor(
  policy: {
    readonly namespace: Namespace;
    readonly selector?: { readonly labels: Readonly<Record<string, string>> };
    readonly service?: ServiceRef;
  },
  numbers: readonly number[],
): InputChange {
  const appPorts = [...new Set([65_535, ...numbers])].filter((port) => Number.isInteger(port) && port > 0);
  const inbound = appPorts.flatMap((appPort, index) =>
    (["http", "tcp", "auto"] as const).map(
      (protocol, step): InboundPort => ({
        name: protocol,
        port: index * 3 + step + 1,
        appPort,
        protocol,
        listen: nowhere,
      }),
    ),
  );
  const base = workloadBase(policy.namespace, policy.selector?.labels ?? {});
  const service: ServiceRef = policy.service ?? { namespace: policy.namespace, name: "check" };
  const workload: SidecarWorkload = { ...base, role: "sidecar", service, inbound, outbound: nowhere, upstreams: [] };
  return { kind: "workload", workload };
}
