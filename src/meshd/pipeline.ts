/**
 * From the replica to the proxies: every batch of records becomes one step of the compiler, its changed items are
 * encoded once, and the changed layers go to the xDS fleet with the position that they hold. Also what others ask of
 * the compiled mesh: admission, layers of a proxy, who is registered.
 *
 * Between the two sits the brake (brake/gate.ts): what it holds back stays, for the compiler, as it was.
 *
 * A record or an item that cannot be compiled or encoded stops nobody: what was there stays, and it is logged.
 */
import { unreachableIn } from "../actors/kinds/service.ts";
import type { Admission, Explanations } from "../api/ports.ts";
import { printedAddress } from "../compile/assignments.ts";
import { checkObjects, rememberingGood } from "../compile/check.ts";
import { Compiler } from "../compile/compiler.ts";
import type { InputChange } from "../compile/input.ts";
import type { Item } from "../compile/ir.ts";
import type { LayerChange, LayerKey } from "../compile/layer.ts";
import { namedSecrets } from "../compile/named_secrets.ts";
import type { Part } from "../compile/provenance.ts";
import { explain } from "../compile/why.ts";
import { whyDocument } from "../compile/why_document.ts";
import { encode } from "../envoy/encode.ts";
import { resourceJson } from "../envoy/print.ts";
import type { EncodedResource } from "../envoy/resource.ts";
import { validateItem } from "../envoy/validate.ts";
import type { Endpoint } from "../model/endpoint.ts";
import type { Gateway } from "../model/gateway.ts";
import type { HttpRequest } from "../model/http_request.ts";
import type { TrustDomain } from "../model/identity.ts";
import { type Namespace, namespaceOfWorkload, type ServiceRef, type WorkloadName } from "../model/names.ts";
import type { ObjectRef, StoredResource } from "../model/object.ts";
import type { Problem } from "../model/problem.ts";
import type { SecretName } from "../model/secret_name.ts";
import type { DestinationRule, OutboundTrafficPolicy } from "../model/traffic.ts";
import { type GatewayWorkload, nameOfWorkload, type Workload } from "../model/workload.ts";
import type { Clock } from "../platform/clock.ts";
import type { Logger } from "../platform/log.ts";
import { printPath } from "../resources/document/node.ts";
import { toModel } from "../resources/to_model.ts";
import { objectRecord, recordKind, shardPrefix } from "../store/keys.ts";
import type { Replica, ReplicaChange } from "../store/replica.ts";
import type { RecordKey } from "../store/store.ts";
import type { Fleet } from "../xds/fleet.ts";
import { BrakeGate } from "./brake/gate.ts";
import { Quarantine } from "./brake/quarantine.ts";
import { silentSources } from "./hosts/findings.ts";
import type { LayerListener, ProxyDirectory } from "./identities.ts";
import type { MeshRecord } from "./mesh_record.ts";

export interface PipelineOptions {
  readonly replica: Replica<MeshRecord>;
  readonly fleet: Fleet;
  readonly trustDomain: TrustDomain;
  readonly outboundTrafficPolicy: OutboundTrafficPolicy;
  readonly clock: Clock;
  readonly log: Logger;
  /** Called after each step. */
  readonly stepped?: () => void;
  /** Told what was computed anew, by kind of node. */
  readonly recomputed: (kind: string, count: number) => void;
}

export class Pipeline implements Admission, Explanations, ProxyDirectory {
  readonly #options: PipelineOptions;
  readonly #compiler = new Compiler();
  /** What each record was given to the compiler as, so that its removal can be said in the same words. */
  readonly #given = new Map<RecordKey, MeshRecord>();
  readonly #gate: BrakeGate;
  readonly quarantine: Quarantine;
  readonly #callers = new Set<Namespace>();
  readonly #validate = rememberingGood(validateItem);
  readonly #counted = new Map<string, number>();
  readonly #workloadListeners: ((name: WorkloadName) => void)[] = [];
  readonly #layerListeners: LayerListener[] = [];

  constructor(options: PipelineOptions) {
    this.#options = options;
    const { clock, log, replica } = options;
    const given = (key: RecordKey): MeshRecord | undefined => this.#given.get(key);
    this.quarantine = new Quarantine({ replica, incarnation: () => replica.mark("records").incarnation });
    const { quarantine } = this;
    this.#gate = new BrakeGate({ clock, log, replica, given, quarantine, mark: (stream) => replica.mark(stream) });
  }

  get brake(): Pick<BrakeGate, "counts" | "holds" | "holdsUpTo" | "keepsMissing" | "keptShards"> {
    return this.#gate;
  }

  /**
   * When the replica has been read: everything at once, then every change.
   * @param kept what was in force when a freeze or the brake began to hold its changes.
   */
  start(kept: ReadonlyMap<RecordKey, MeshRecord> = new Map()): void {
    const { replica, fleet, trustDomain, outboundTrafficPolicy } = this.#options;
    const kinds = ["host-sessions", "service", "object", "workload", "endpoints"];
    const keys = kinds.flatMap((kind) => replica.list(kind)).map(({ key }) => key);
    const first: InputChange[] = [{ kind: "settings", settings: { trustDomain, outboundTrafficPolicy } }];
    for (const [key, record] of kept) first.push(...this.#give(key, record, new Set()));
    this.#gate.keep(kept);
    this.#step({ keys: [...keys, ...kept.keys()], reset: false }, first);
    // Not of the first step: what was there before it nobody here knows.
    replica.subscribe((change: ReplicaChange) => this.quarantine.stepped(this.#step(change, []), fleet.position));
  }

  /** Its record is another now, or gone. */
  onWorkloadChanged(listener: (name: WorkloadName) => void): void {
    this.#workloadListeners.push(listener);
  }

  onLayersChanged(listener: LayerListener): void {
    this.#layerListeners.push(listener);
  }

  workload(name: WorkloadName): Workload | undefined {
    return this.#compiler.workloads.get(name);
  }

  workloads(): Iterable<Workload> {
    return this.#compiler.workloads.values();
  }

  layersOf(workload: Workload): readonly LayerKey[] {
    return this.#compiler.layersOf(workload);
  }

  /** Also makes the namespace one with callers: a proxy on the plaintext port has no record that would. */
  layersOfNamespace(namespace: Namespace): readonly LayerKey[] {
    if (!this.#callers.has(namespace)) {
      this.#callers.add(namespace);
      this.#step({ keys: [], reset: false }, [{ kind: "caller", namespace, present: true }]);
    }
    return this.#compiler.layersOfCaller(namespace);
  }

  *endpoints(service: ServiceRef): Iterable<Endpoint> {
    for (const { object } of this.#options.replica.list(shardPrefix(service))) {
      if (object.kind === "shard") yield* object.shard.endpoints;
    }
  }

  /** ip:port of each of its endpoints → the host that it is on; undefined: none of the mesh. */
  hostsByAddress(service: ServiceRef): ReadonlyMap<string, string | undefined> {
    const hosts = new Map<string, string | undefined>();
    for (const { address, ports, workload } of this.endpoints(service)) {
      const host = workload && this.workload(workload)?.host;
      for (const port of Object.values(ports)) hosts.set(printedAddress(address, port), host);
    }
    return hosts;
  }

  *gateways(): Iterable<Gateway> {
    for (const object of this.#compiler.input.objects()) if (object.kind === "Gateway") yield object;
  }

  *rules(): Iterable<DestinationRule> {
    for (const object of this.#compiler.input.objects()) if (object.kind === "DestinationRule") yield object;
  }

  /** Secrets of the user's that the configuration of a gateway's proxy names. */
  secretsOf(workload: GatewayWorkload): readonly SecretName[] {
    return namedSecrets(this.#compiler.layersOf(workload).flatMap((layer) => this.#compiler.items(layer)));
  }

  async check(change: {
    readonly set: readonly StoredResource[];
    readonly remove: readonly ObjectRef[];
  }): Promise<readonly Problem[]> {
    // What is removed leaves a smaller mesh of objects that were admitted before.
    const candidates = change.set.map((stored) => toModel(stored));
    const problems = checkObjects({ mesh: this.#compiler.input, candidates, validate: this.#validate });
    return this.#gate.frozen ? [...problems, frozenWarning] : problems;
  }

  why(name: WorkloadName, request: HttpRequest): object | undefined {
    const workload = this.workload(name);
    if (!workload) return undefined;
    const part = ({ object, path }: Part): object => {
      const given = this.#given.get(objectRecord(object));
      const origin = given?.kind === "object" ? given.stored.origin : undefined;
      return { object, field: printPath(path), ...(origin === undefined ? {} : { origin }) };
    };
    return whyDocument(explain(this.#compiler, workload, request), { from: name, part });
  }

  print(resource: EncodedResource): object {
    const json = resourceJson(resource);
    return typeof json === "object" && json !== null ? json : {};
  }

  /** @returns objects of which the compiler was given another form, as it had them before. */
  #step(
    step: Pick<ReplicaChange, "keys" | "reset">,
    first: readonly InputChange[],
  ): ReadonlyMap<RecordKey, MeshRecord | undefined> {
    const { replica, fleet } = this.#options;
    const moved = new Set<WorkloadName>();
    const changes = [...first];
    const objects = new Map<RecordKey, MeshRecord | undefined>();
    for (const key of this.#gate.pass(step)) {
      if (recordKind(key) === "object") objects.set(key, this.#given.get(key));
      changes.push(...this.#give(key, this.quarantine.form(key), moved));
    }
    const layers = changes.length > 0 ? this.#compiler.update(changes) : [];
    fleet.apply(
      layers.map((layer) => this.#encoded(layer)),
      replica.position(),
    );
    for (const name of moved) for (const listener of this.#workloadListeners) listener(name);
    this.#tellMoved(moved);
    this.#count();
    this.#options.stepped?.();
    return objects;
  }

  /** @param records workloads whose records are others now, or gone. */
  #tellMoved(records: ReadonlySet<WorkloadName>): void {
    const { workloads, namespaces } = this.#compiler.takeMoved();
    if (records.size + workloads.size + namespaces.size === 0) return;
    const isConcerned = (proxy: WorkloadName): boolean =>
      records.has(proxy) || workloads.has(proxy) || namespaces.has(namespaceOfWorkload(proxy));
    for (const listener of this.#layerListeners) listener(isConcerned);
  }

  #give(key: RecordKey, now: MeshRecord | undefined, moved: Set<WorkloadName>): readonly InputChange[] {
    const before = this.#given.get(key);
    if (before === now) return [];
    const change = now && changeTo(now);
    if (now && change) this.#given.set(key, now);
    else this.#given.delete(key);
    const given = change ?? (before && removalOf(before));
    if (given?.kind === "workload") moved.add(nameOfWorkload(given.workload));
    if (given?.kind === "workload-removed") moved.add(given.name);
    return given ? [given] : [];
  }

  #encoded({ layer, set, removed }: LayerChange<Item>): LayerChange<EncodedResource> {
    return { layer, removed, set: set.flatMap((item) => this.#encode(layer, item) ?? []) };
  }

  #encode(layer: LayerKey, item: Item): EncodedResource | undefined {
    try {
      return encode(item);
    } catch (cause) {
      const { type, name } = item;
      this.#options.log.error("item not encoded, its last form stays", { layer, type, name, because: String(cause) });
      return undefined;
    }
  }

  #count(): void {
    for (const [kind, count] of this.#compiler.recomputed) {
      const since = count - (this.#counted.get(kind) ?? 0);
      if (since > 0) this.#options.recomputed(kind, since);
      this.#counted.set(kind, count);
    }
  }
}

const frozenWarning: Problem = {
  code: "MSH1602",
  severity: "warning",
  message: "the mesh is frozen: this is stored, and reaches no proxy before `meshctl freeze --off`",
};

/** undefined: nothing that compile reads. */
function changeTo(now: MeshRecord): InputChange | undefined {
  switch (now.kind) {
    case "object":
      return { kind: "object", object: now.object };
    case "workload":
      return { kind: "workload", workload: now.workload };
    case "shard":
      return { kind: "shard", shard: now.shard };
    case "host-sessions":
      return { kind: "silent-sources", silent: silentSources(now.state.withheld) };
    case "service": {
      const endpoints = unreachableIn(now.state);
      return endpoints.length > 0 ? { kind: "unreachable", service: now.service, endpoints } : undefined;
    }
    default:
      return undefined;
  }
}

function removalOf(before: MeshRecord): InputChange | undefined {
  switch (before.kind) {
    case "object": {
      const { kind, namespace, name } = before.object;
      return { kind: "object-removed", ref: { kind, namespace, name } };
    }
    case "workload":
      return { kind: "workload-removed", name: nameOfWorkload(before.workload) };
    case "shard": {
      const { service, source, shard } = before.shard;
      return { kind: "shard-removed", service, source, shard };
    }
    case "host-sessions":
      return { kind: "silent-sources", silent: new Map() };
    case "service":
      return { kind: "unreachable", service: before.service, endpoints: [] };
    default:
      return undefined;
  }
}
