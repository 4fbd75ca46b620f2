/**
 * What the compiler is given: objects, workloads, endpoint shards, settings. Kept in cells, indexed by what readers ask
 * for, so that a change touches only the cells that hold it. Written by Compiler.update alone.
 */
import type { EndpointShard } from "../model/endpoint.ts";
import type { Gateway } from "../model/gateway.ts";
import type { Host, Namespace, ServiceRef, WorkloadName } from "../model/names.ts";
import { serviceKey, serviceOfHost } from "../model/names.ts";
import { type MeshObject, type ObjectRef, objectKey } from "../model/object.ts";
import type { CircuitBreaker, FaultInjection, TrafficPolicy } from "../model/plain_words.ts";
import type { AuthorizationPolicy, PeerAuthentication } from "../model/policy.ts";
import type { RateLimitPolicy } from "../model/rate_limit.ts";
import type { VirtualService } from "../model/route.ts";
import type { ServiceEntry, WorkloadEntry } from "../model/service_entry.ts";
import type { Sidecar } from "../model/sidecar.ts";
import type { Telemetry } from "../model/telemetry.ts";
import type { DestinationRule } from "../model/traffic.ts";
import { nameOfWorkload, type Workload } from "../model/workload.ts";
import { Cell, CellFamily, type Graph } from "./graph.ts";
import { compare, isWildcard } from "./hosts.ts";
import { callerKeysIn } from "./nearness.ts";
import { same } from "./same.ts";
import { defaultSettings, type MeshSettings } from "./settings.ts";
import { askedOf } from "./source.ts";
import type { Silent } from "./withholding.ts";

export type InputChange =
  | { readonly kind: "object"; readonly object: MeshObject }
  | { readonly kind: "object-removed"; readonly ref: ObjectRef }
  | { readonly kind: "workload"; readonly workload: Workload }
  | { readonly kind: "workload-removed"; readonly name: WorkloadName }
  | { readonly kind: "shard"; readonly shard: EndpointShard }
  | {
      readonly kind: "shard-removed";
      readonly service: ServiceRef;
      readonly source: string;
      readonly shard: number;
    }
  /** All sources whose host has gone silent; the others speak. */
  | { readonly kind: "silent-sources"; readonly silent: ReadonlyMap<string, Silent> }
  /** All endpoints of the service that other hosts cannot reach: ip:port. */
  | { readonly kind: "unreachable"; readonly service: ServiceRef; readonly endpoints: readonly string[] }
  | { readonly kind: "settings"; readonly settings: MeshSettings }
  /** A namespace without workload records has callers too: proxies on the plaintext port. Counted. */
  | { readonly kind: "caller"; readonly namespace: Namespace; readonly present: boolean };

export const meshGateway = "mesh";

const nothing: readonly never[] = [];

export class MeshInput {
  readonly settings: Cell<MeshSettings>;
  /** Of which there is any shard, by key. */
  readonly services: Cell<readonly ServiceRef[]>;
  readonly shards: CellFamily<readonly EndpointShard[]>;
  readonly silentSources: CellFamily<Silent | undefined>;
  readonly unreachable: CellFamily<readonly string[]>;
  readonly workloads: CellFamily<Workload | undefined>;
  readonly entriesByHost: CellFamily<readonly ServiceEntry[]>;
  /** Of ServiceEntries, sorted. */
  readonly entryHosts: Cell<readonly Host[]>;
  /** By namespace. */
  readonly workloadEntries: CellFamily<readonly WorkloadEntry[]>;
  readonly rulesByHost: CellFamily<readonly DestinationRule[]>;
  readonly wildcardRules: Cell<readonly DestinationRule[]>;
  /** Labels of callers by which some DestinationRule orders endpoints, sorted. */
  readonly priorityLabels: Cell<readonly string[]>;
  /** By service, as the three below. */
  readonly circuitBreakers: CellFamily<readonly CircuitBreaker[]>;
  readonly trafficPolicies: CellFamily<readonly TrafficPolicy[]>;
  readonly faultInjections: CellFamily<readonly FaultInjection[]>;
  readonly rateLimits: CellFamily<readonly RateLimitPolicy[]>;
  /** By objectKey. */
  readonly virtualServices: CellFamily<VirtualService | undefined>;
  /** Bound to the mesh, by each of their hosts. */
  readonly meshByHost: CellFamily<readonly VirtualService[]>;
  readonly meshWildcards: Cell<readonly VirtualService[]>;
  readonly meshHosts: Cell<readonly string[]>;
  /** Labels of callers that some VirtualService asks for, sorted. */
  readonly sourceLabels: Cell<readonly string[]>;
  /** Bound to any gateway. */
  readonly gatewayBound: Cell<readonly VirtualService[]>;
  readonly gateways: Cell<readonly Gateway[]>;
  /** By namespace, as the three below. */
  readonly sidecars: CellFamily<readonly Sidecar[]>;
  readonly peerAuthentications: CellFamily<readonly PeerAuthentication[]>;
  readonly authorizationPolicies: CellFamily<readonly AuthorizationPolicy[]>;
  readonly telemetries: CellFamily<readonly Telemetry[]>;

  readonly #objects = new Map<string, MeshObject>();
  readonly #services = new Map<string, ServiceRef>();
  readonly #meshHosts = new Map<string, number>();
  readonly #sourceLabels = new Map<string, number>();
  readonly #priorityLabels = new Map<string, number>();
  readonly #entryHosts = new Set<Host>();
  #silent: ReadonlyMap<string, Silent> = new Map();
  #listsStale = false;
  #entryHostsStale = false;

  constructor(graph: Graph) {
    this.settings = new Cell(graph, defaultSettings);
    this.services = new Cell<readonly ServiceRef[]>(graph, nothing);
    this.shards = new CellFamily<readonly EndpointShard[]>(graph, nothing);
    this.silentSources = new CellFamily<Silent | undefined>(graph, undefined);
    this.unreachable = new CellFamily<readonly string[]>(graph, nothing);
    this.workloads = new CellFamily<Workload | undefined>(graph, undefined);
    this.entriesByHost = new CellFamily<readonly ServiceEntry[]>(graph, nothing);
    this.entryHosts = new Cell<readonly Host[]>(graph, nothing);
    this.workloadEntries = new CellFamily<readonly WorkloadEntry[]>(graph, nothing);
    this.rulesByHost = new CellFamily<readonly DestinationRule[]>(graph, nothing);
    this.wildcardRules = new Cell<readonly DestinationRule[]>(graph, nothing);
    this.priorityLabels = new Cell<readonly string[]>(graph, nothing);
    this.circuitBreakers = new CellFamily<readonly CircuitBreaker[]>(graph, nothing);
    this.trafficPolicies = new CellFamily<readonly TrafficPolicy[]>(graph, nothing);
    this.faultInjections = new CellFamily<readonly FaultInjection[]>(graph, nothing);
    this.rateLimits = new CellFamily<readonly RateLimitPolicy[]>(graph, nothing);
    this.virtualServices = new CellFamily<VirtualService | undefined>(graph, undefined);
    this.meshByHost = new CellFamily<readonly VirtualService[]>(graph, nothing);
    this.meshWildcards = new Cell<readonly VirtualService[]>(graph, nothing);
    this.meshHosts = new Cell<readonly string[]>(graph, nothing);
    this.sourceLabels = new Cell<readonly string[]>(graph, nothing);
    this.gatewayBound = new Cell<readonly VirtualService[]>(graph, nothing);
    this.gateways = new Cell<readonly Gateway[]>(graph, nothing);
    this.sidecars = new CellFamily<readonly Sidecar[]>(graph, nothing);
    this.peerAuthentications = new CellFamily<readonly PeerAuthentication[]>(graph, nothing);
    this.authorizationPolicies = new CellFamily<readonly AuthorizationPolicy[]>(graph, nothing);
    this.telemetries = new CellFamily<readonly Telemetry[]>(graph, nothing);
  }

  object(key: string): MeshObject | undefined {
    return this.#objects.get(key);
  }

  objects(): Iterable<MeshObject> {
    return this.#objects.values();
  }

  /** Whether anything says of the host where it answers. */
  hasDestination(host: Host): boolean {
    const service = serviceOfHost(host);
    return this.#entryHosts.has(host) || (service !== undefined && this.#services.has(serviceKey(service)));
  }

  setObject(object: MeshObject): void {
    const key = objectKey(object);
    this.removeObject(key);
    this.#objects.set(key, object);
    this.#index(object, [object]);
  }

  removeObject(key: string): void {
    const known = this.#objects.get(key);
    if (!known) return;
    this.#objects.delete(key);
    this.#index(known, []);
  }

  setWorkload(workload: Workload): void {
    this.workloads.set(nameOfWorkload(workload), workload);
  }

  setShard(shard: EndpointShard): void {
    const key = serviceKey(shard.service);
    const others = this.shards.get(key).filter((known) => known.source !== shard.source || known.shard !== shard.shard);
    this.shards.set(key, [...others, shard]);
    if (this.#services.has(key)) return;
    this.#services.set(key, shard.service);
    this.#listsStale = true;
  }

  removeShard(service: ServiceRef, source: string, shard: number): void {
    const key = serviceKey(service);
    const left = this.shards.get(key).filter((known) => known.source !== source || known.shard !== shard);
    this.shards.set(key, left.length === 0 ? nothing : left);
    if (left.length > 0 || !this.#services.delete(key)) return;
    this.#listsStale = true;
  }

  setUnreachable(service: ServiceRef, endpoints: readonly string[]): void {
    const key = serviceKey(service);
    if (this.unreachable.get(key).join() === endpoints.join()) return;
    this.unreachable.set(key, endpoints.length === 0 ? nothing : endpoints);
  }

  setSilent(silent: ReadonlyMap<string, Silent>): void {
    for (const source of new Set([...this.#silent.keys(), ...silent.keys()])) {
      this.silentSources.set(source, silent.get(source));
    }
    this.#silent = silent;
  }

  /** Lists over everything are written once for many changes. */
  flush(): void {
    if (this.#entryHostsStale) {
      this.#entryHostsStale = false;
      const hosts = [...this.#entryHosts].sort(compare);
      // An entry seldom comes with other hosts than before.
      if (!same(hosts, this.entryHosts.current())) this.entryHosts.set(hosts);
    }
    const priorityLabels = [...this.#priorityLabels.keys()].sort(compare);
    if (!same(priorityLabels, this.priorityLabels.current())) this.priorityLabels.set(priorityLabels);
    if (!this.#listsStale) return;
    this.#listsStale = false;
    this.services.set([...this.#services].sort(([a], [b]) => compare(a, b)).map(([, ref]) => ref));
    this.meshHosts.set([...this.#meshHosts.keys()].sort(compare));
    this.sourceLabels.set([...this.#sourceLabels.keys()].sort(compare));
  }

  /** Takes `known`, or what stood under its key before, out of the cells and puts `now` in. */
  #index(known: MeshObject, now: readonly [MeshObject] | readonly []): void {
    const present = now.length > 0;
    switch (known.kind) {
      case "DestinationRule":
        if (isWildcard(known.host)) replaceIn(this.wildcardRules, known, present);
        else replaceAt(this.rulesByHost, known.host, known, present);
        for (const label of callerKeysIn(known)) countIn(this.#priorityLabels, label, present ? 1 : -1);
        return;
      case "CircuitBreaker":
        replaceAt(this.circuitBreakers, serviceKey(known.service), known, present);
        return;
      case "TrafficPolicy":
        replaceAt(this.trafficPolicies, serviceKey(known.service), known, present);
        return;
      case "FaultInjection":
        replaceAt(this.faultInjections, serviceKey(known.service), known, present);
        return;
      case "RateLimitPolicy":
        replaceAt(this.rateLimits, serviceKey(known.service), known, present);
        return;
      case "VirtualService":
        this.#indexVirtualService(known, present);
        return;
      case "Gateway":
        replaceIn(this.gateways, known, present);
        return;
      case "ServiceEntry":
        this.#indexServiceEntry(known, present);
        return;
      case "WorkloadEntry":
        replaceAt(this.workloadEntries, known.namespace, known, present);
        return;
      case "Sidecar":
        replaceAt(this.sidecars, known.namespace, known, present);
        return;
      case "PeerAuthentication":
        replaceAt(this.peerAuthentications, known.namespace, known, present);
        return;
      case "AuthorizationPolicy":
        replaceAt(this.authorizationPolicies, known.namespace, known, present);
        return;
      case "Telemetry":
        replaceAt(this.telemetries, known.namespace, known, present);
        return;
      // Agents fetch Secrets by names that stand in Gateways: a new version of one changes no layer.
      case "Secret":
        return;
    }
  }

  #indexServiceEntry(known: MeshObject & { readonly kind: "ServiceEntry" }, present: boolean): void {
    for (const host of new Set(known.hosts)) {
      replaceAt(this.entriesByHost, host, known, present);
      if (this.entriesByHost.get(host).length > 0) this.#entryHosts.add(host);
      else this.#entryHosts.delete(host);
    }
    this.#entryHostsStale = true;
  }

  #indexVirtualService(known: MeshObject & { readonly kind: "VirtualService" }, present: boolean): void {
    this.virtualServices.set(objectKey(known), present ? known : undefined);
    if (known.gateways.some((gateway) => gateway !== meshGateway)) replaceIn(this.gatewayBound, known, present);
    if (!known.gateways.includes(meshGateway)) return;
    const step = present ? 1 : -1;
    for (const label of askedOf(known.http).labels) countIn(this.#sourceLabels, label, step);
    for (const host of new Set<string>(known.hosts)) {
      replaceAt(this.meshByHost, host, known, present);
      countIn(this.#meshHosts, host, step);
    }
    if (known.hosts.some(isWildcard)) replaceIn(this.meshWildcards, known, present);
    this.#listsStale = true;
  }
}

interface Named {
  readonly namespace: string;
  readonly name: string;
}

function countIn(counts: Map<string, number>, name: string, step: 1 | -1): void {
  const count = (counts.get(name) ?? 0) + step;
  if (count === 0) counts.delete(name);
  else counts.set(name, count);
}

function replaced<T extends Named>(list: readonly T[], item: T, present: boolean): readonly T[] {
  const others = list.filter(({ namespace, name }) => namespace !== item.namespace || name !== item.name);
  if (present) return [...others, item];
  return others.length === 0 ? nothing : others;
}

function replaceIn<T extends Named>(cell: Cell<readonly T[]>, item: T, present: boolean): void {
  cell.set(replaced(cell.current(), item, present));
}

function replaceAt<T extends Named>(family: CellFamily<readonly T[]>, key: string, item: T, present: boolean): void {
  family.set(key, replaced(family.get(key), item, present));
}
