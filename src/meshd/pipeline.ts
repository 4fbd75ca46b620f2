/**
 * From the replica to the proxies: every batch of records becomes one step of the compiler, its changed items are encoded
 * once, and the changed layers go to the xDS fleet with the position that they hold. Also what others ask of the compiled
 * mesh: admission, layers of a proxy, who is registered.
 *
 * A record or an item that cannot be compiled or encoded stops nobody: what was there stays, and it is logged.
 */
import type { Admission } from "../api/ports.ts";
import { checkObjects } from "../compile/check.ts";
import { Compiler, layersOf, layersOfCaller } from "../compile/compiler.ts";
import type { InputChange } from "../compile/input.ts";
import type { Item } from "../compile/ir.ts";
import type { LayerChange, LayerKey } from "../compile/layer.ts";
import { encode } from "../envoy/encode.ts";
import { resourceJson } from "../envoy/print.ts";
import type { EncodedResource } from "../envoy/resource.ts";
import { validateItem } from "../envoy/validate.ts";
import type { Endpoint } from "../model/endpoint.ts";
import type { Gateway } from "../model/gateway.ts";
import type { TrustDomain } from "../model/identity.ts";
import type { Namespace, ServiceRef, WorkloadName } from "../model/names.ts";
import type { ObjectRef, StoredResource } from "../model/object.ts";
import type { Problem } from "../model/problem.ts";
import { nameOfWorkload, type Workload } from "../model/workload.ts";
import type { Logger } from "../platform/log.ts";
import { toModel } from "../resources/to_model.ts";
import { shardPrefix } from "../store/keys.ts";
import type { Replica, ReplicaChange } from "../store/replica.ts";
import type { RecordKey } from "../store/store.ts";
import type { Fleet } from "../xds/fleet.ts";
import type { ProxyDirectory } from "./identities.ts";
import type { MeshRecord } from "./mesh_record.ts";

export interface PipelineOptions {
  readonly replica: Replica<MeshRecord>;
  readonly fleet: Fleet;
  readonly trustDomain: TrustDomain;
  readonly outboundPolicy: "allow-any" | "registry-only";
  readonly log: Logger;
  /** Told what was computed anew, by kind of node. */
  readonly recomputed: (kind: string, count: number) => void;
}

export class Pipeline implements Admission, ProxyDirectory {
  readonly #options: PipelineOptions;
  readonly #compiler = new Compiler();
  /** What each record was given to the compiler as, so that its removal can be said in the same words. */
  readonly #given = new Map<RecordKey, MeshRecord>();
  readonly #callers = new Set<Namespace>();
  readonly #counted = new Map<string, number>();
  readonly #workloadListeners: ((name: WorkloadName) => void)[] = [];

  constructor(options: PipelineOptions) {
    this.#options = options;
  }

  /** When the replica has been read: everything at once, then every change. */
  start(): void {
    const { replica, trustDomain, outboundPolicy } = this.#options;
    const outboundTrafficPolicy = outboundPolicy === "allow-any" ? "ALLOW_ANY" : "REGISTRY_ONLY";
    const everything = [...replica.list("object"), ...replica.list("workload"), ...replica.list("endpoints")];
    const keys = everything.map(({ key }) => key);
    this.#step(keys, [{ kind: "settings", settings: { trustDomain, outboundTrafficPolicy } }]);
    replica.subscribe((change: ReplicaChange) => this.#step(change.keys, []));
  }

  onWorkloadChanged(listener: (name: WorkloadName) => void): void {
    this.#workloadListeners.push(listener);
  }

  workload(name: WorkloadName): Workload | undefined {
    return this.#compiler.workloads.get(name);
  }

  workloads(): Iterable<Workload> {
    return this.#compiler.workloads.values();
  }

  layersOf(workload: Workload): readonly LayerKey[] {
    return layersOf(workload);
  }

  /** Also makes the namespace one with callers: a proxy on the plaintext port has no record that would. */
  layersOfNamespace(namespace: Namespace): readonly LayerKey[] {
    if (!this.#callers.has(namespace)) {
      this.#callers.add(namespace);
      this.#step([], [{ kind: "caller", namespace, present: true }]);
    }
    return layersOfCaller(namespace);
  }

  *endpoints(service: ServiceRef): Iterable<Endpoint> {
    for (const { object } of this.#options.replica.list(shardPrefix(service))) {
      if (object.kind === "shard") yield* object.shard.endpoints;
    }
  }

  *gateways(): Iterable<Gateway> {
    for (const object of this.#compiler.input.objects()) if (object.kind === "Gateway") yield object;
  }

  async check(change: {
    readonly set: readonly StoredResource[];
    readonly remove: readonly ObjectRef[];
  }): Promise<readonly Problem[]> {
    // What is removed leaves a smaller mesh of objects that were admitted before.
    const candidates = change.set.map((stored) => toModel(stored));
    return checkObjects({ mesh: this.#compiler.input, candidates, validate: validateItem });
  }

  print(resource: EncodedResource): object {
    const json = resourceJson(resource);
    return typeof json === "object" && json !== null ? json : {};
  }

  #step(keys: readonly RecordKey[], first: readonly InputChange[]): void {
    const { replica, fleet } = this.#options;
    const moved = new Set<WorkloadName>();
    const changes = [...first, ...keys.flatMap((key) => this.#changeOf(key, moved) ?? [])];
    const layers = changes.length > 0 ? this.#compiler.update(changes) : [];
    fleet.apply(
      layers.map((layer) => this.#encoded(layer)),
      replica.position(),
    );
    for (const name of moved) for (const listener of this.#workloadListeners) listener(name);
    this.#count();
  }

  #changeOf(key: RecordKey, moved: Set<WorkloadName>): InputChange | undefined {
    const before = this.#given.get(key);
    const now = this.#options.replica.get(key)?.object;
    if (now === undefined || now.kind === "other" || now.kind === "service" || now.kind === "authority") {
      this.#given.delete(key);
      return before && removalOf(before, moved);
    }
    if (before === now) return undefined;
    this.#given.set(key, now);
    if (now.kind === "object") return { kind: "object", object: now.object };
    if (now.kind === "shard") return { kind: "shard", shard: now.shard };
    moved.add(nameOfWorkload(now.workload));
    return { kind: "workload", workload: now.workload };
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

function removalOf(before: MeshRecord, moved: Set<WorkloadName>): InputChange | undefined {
  switch (before.kind) {
    case "object": {
      const { kind, namespace, name } = before.object;
      return { kind: "object-removed", ref: { kind, namespace, name } };
    }
    case "workload": {
      const name = nameOfWorkload(before.workload);
      moved.add(name);
      return { kind: "workload-removed", name };
    }
    case "shard": {
      const { service, source, shard } = before.shard;
      return { kind: "shard-removed", service, source, shard };
    }
    default:
      return undefined;
  }
}
