/**
 * The compiler: changes of the input in, changes of the layers out, with nothing recomputed that did not read what
 * changed. Called by meshd with each batch of the replica; by once.ts and check.ts on small inputs of their own.
 *
 *   clusters/mesh     every destination's clusters, under the rules everybody sees; the way to unknown hosts
 *   endpoints/mesh    their endpoints
 *   clusters/ns/NS    clusters that differ for callers of that namespace
 *   clusters/gateways, clusters/gateways/NS
 *                     clusters of which gateways (of that namespace) are told otherwise: undeclared ports, Secrets
 *   endpoints/ns/NS   endpoints of subsets that differ likewise
 *   endpoints/near/NS/PLACE
 *                     endpoints that callers of that namespace see otherwise from there
 *   routes/ns/NS      the route table of that namespace's callers
 *   …/scope/NS/…      instead of these, for callers that a Sidecar narrows, or for whose labels routes ask (scopes.ts)
 *   own/NAME.NS       a workload's listeners, the clusters of its application, its own route tables
 */
import { type Host, type Namespace, serviceHost, type WorkloadName } from "../model/names.ts";
import { type MeshObject, objectKey } from "../model/object.ts";
import { nameOfWorkload, type Workload } from "../model/workload.ts";
import { dnsClusterItem } from "./clusters.ts";
import { Derivations } from "./derive.ts";
import { wholeDestination } from "./destination.ts";
import { meshView, type View } from "./destination_rules.ts";
import { Destinations } from "./destinations.ts";
import { wantedPorts } from "./gateway.ts";
import { Graph, type Node, type Read } from "./graph.ts";
import { type InputChange, MeshInput } from "./input.ts";
import type { ClusterItem, EndpointsItem, Item } from "./ir.ts";
import {
  clustersMesh,
  endpointsMesh,
  gatewayClusters,
  gatewayClustersMesh,
  type LayerChange,
  type LayerKey,
  layerKey,
  layersOfDestinations,
  layersOfGateway,
  nearLayer,
} from "./layer.ts";
import { LayerTable, type Placed } from "./layer_table.ts";
import { type PlaceName, Places } from "./places.ts";
import type { RouteProvenance } from "./provenance.ts";
import { type ClusterProvenance, ProvenanceLookup, type VirtualHostName } from "./provenance_lookup.ts";
import { same } from "./same.ts";
import { Scopes } from "./scopes.ts";

type Output = Node<readonly Placed[]>;

export interface Moved {
  readonly workloads: ReadonlySet<WorkloadName>;
  /** Of callers without a record. */
  readonly namespaces: ReadonlySet<Namespace>;
}

function nobodyMoved(): { readonly workloads: Set<WorkloadName>; readonly namespaces: Set<Namespace> } {
  return { workloads: new Set(), namespaces: new Set() };
}

/** Layers that callers of a namespace share where no Sidecar holds, the widest first. */
export function layersOfCaller(namespace: Namespace, place: PlaceName = ""): readonly LayerKey[] {
  return [...layersOfDestinations(namespace, place), layerKey("routes", "ns", namespace)];
}

export class Compiler {
  readonly #graph = new Graph();
  readonly #layers = new LayerTable();
  readonly #input = new MeshInput(this.#graph);
  readonly #places = new Places(this.#graph);
  readonly #destinations = new Destinations(this.#graph, this.#input, this.#places);
  readonly #derive = new Derivations(this.#graph, this.#input, this.#destinations);
  readonly #provenance = new ProvenanceLookup({
    input: this.#input,
    derive: this.#derive,
    destinations: this.#destinations,
  });
  /** By "service HOST", "outbound NS", "own NAME". */
  readonly #outputs = new Map<string, Output>();
  readonly #scopes = new Scopes({
    graph: this.#graph,
    derive: this.#derive,
    destinations: this.#destinations,
    outputs: {
      open: (name, compute) => this.#open(name, compute),
      close: (name) => this.#close(name),
    },
  });
  readonly #workloads = new Map<WorkloadName, Workload>();
  readonly #callers = new Map<Namespace, number>();
  #moved = nobodyMoved();

  constructor() {
    this.#open("mesh", (read) =>
      read(this.#input.settings).outboundTrafficPolicy === "ALLOW_ANY"
        ? [{ layer: clustersMesh, item: dnsClusterItem }]
        : [],
    );
  }

  /** How often each kind of computation ran since the start. */
  get recomputed(): ReadonlyMap<string, number> {
    return this.#graph.recomputed;
  }

  /** What was given, for those who look at a candidate beside it. */
  get input(): MeshInput {
    return this.#input;
  }

  get workloads(): ReadonlyMap<WorkloadName, Workload> {
    return this.#workloads;
  }

  /** Takes the changes as one step and tells what became of the layers. Changes that say nothing new change nothing. */
  update(changes: readonly InputChange[]): readonly LayerChange<Item>[] {
    this.#scopes.sweep();
    this.#places.sweep();
    const asked = this.#input.priorityLabels.current();
    for (const change of changes) this.#take(change);
    this.#input.flush();
    const asking = this.#input.priorityLabels.current();
    if (asking !== asked) {
      for (const name of this.#places.ask(asking, this.#workloads.values())) this.#moved.workloads.add(name);
    }
    this.#graph.settle();
    return this.#layers.taken();
  }

  /** The layers that a workload's proxy is served from, the widest first: a later name hides an earlier one. */
  layersOf(workload: Workload): readonly LayerKey[] {
    const name = nameOfWorkload(workload);
    const { namespace } = workload;
    const place = this.#places.nameFor(workload);
    const own = layerKey("own", name);
    if (workload.role === "gateway") return [...layersOfGateway(namespace, place), own];
    return [...(this.#scopes.layersOf(`own ${name}`, place) ?? layersOfCaller(namespace, place)), own];
  }

  /** Of any caller of the namespace, without anything of its own. It must be known as one that has callers. */
  layersOfCaller(namespace: Namespace): readonly LayerKey[] {
    return this.#scopes.layersOf(`outbound ${namespace}`, "") ?? layersOfCaller(namespace);
  }

  /** Whose layers are others since the last call. They keep what they had until the next update. */
  takeMoved(): Moved {
    const moved = this.#moved;
    this.#moved = nobodyMoved();
    return moved;
  }

  /** What a layer holds now; nothing, if it never held anything. */
  items(layer: LayerKey): readonly Item[] {
    return this.#layers.items(layer);
  }

  /** PORTs that Gateways ask of a gateway workload. */
  gatewayPorts(name: WorkloadName): readonly number[] {
    const workload = this.#workloads.get(name);
    return workload?.role === "gateway" ? wantedPorts(workload, this.#input.gateways.current()) : [];
  }

  /** What made each route of one of the workload's virtual hosts, in their order. */
  routesMadeBy(workload: Workload, of: VirtualHostName): readonly RouteProvenance[] {
    return this.#graph.ask((read) => this.#provenance.routes(read, workload, of));
  }

  /** Who says what of a cluster that the workload calls. undefined: it is nobody's in particular. */
  clusterMadeBy(workload: Workload, cluster: string): ClusterProvenance | undefined {
    return this.#graph.ask((read) => this.#provenance.cluster(read, workload, cluster));
  }

  #take(change: InputChange): void {
    switch (change.kind) {
      case "object":
        this.#setObject(objectKey(change.object), change.object);
        return;
      case "object-removed":
        this.#setObject(objectKey(change.ref), undefined);
        return;
      case "workload":
        this.#setWorkload(change.workload);
        return;
      case "workload-removed":
        this.#removeWorkload(change.name);
        return;
      case "shard":
        this.#input.setShard(change.shard);
        this.#openOrClose(serviceHost(change.shard.service));
        return;
      case "shard-removed":
        this.#input.removeShard(change.service, change.source, change.shard);
        this.#openOrClose(serviceHost(change.service));
        return;
      case "silent-sources":
        this.#input.setSilent(change.silent);
        return;
      case "unreachable":
        this.#input.setUnreachable(change.service, change.endpoints);
        return;
      case "settings":
        this.#input.settings.set(change.settings);
        return;
      case "caller":
        this.#countCaller(change.namespace, change.present ? 1 : -1);
        return;
    }
  }

  #setObject(key: string, object: MeshObject | undefined): void {
    const before = this.#input.object(key);
    if (object) this.#input.setObject(object);
    else this.#input.removeObject(key);
    const hosts = [before, object].flatMap((one) => (one?.kind === "ServiceEntry" ? one.hosts : []));
    for (const host of hosts) this.#openOrClose(host);
  }

  #openOrClose(host: Host): void {
    if (this.#input.hasDestination(host)) this.#open(`service ${host}`, (read) => this.#itemsOf(read, host));
    else this.#close(`service ${host}`);
  }

  #setWorkload(workload: Workload): void {
    const name = nameOfWorkload(workload);
    const before = this.#workloads.get(name);
    this.#workloads.set(name, workload);
    this.#input.setWorkload(workload);
    this.#places.enter(workload);
    if (before) this.#places.leave(before);
    if (workload.role === "sidecar") {
      this.#countCaller(workload.namespace, 1);
      this.#scopes.watch(`own ${name}`, {
        namespace: workload.namespace,
        caller: (read) => read(this.#input.workloads.at(name)),
        onMoved: () => this.#moved.workloads.add(name),
      });
    }
    if (before?.role === "sidecar") this.#countCaller(before.namespace, -1);
    if (workload.role !== "sidecar") this.#scopes.forget(`own ${name}`);
    this.#open(`own ${name}`, (read) => {
      const now = read(this.#input.workloads.at(name));
      const layer = layerKey("own", name);
      return now ? this.#derive.own(read, now).map((item) => ({ layer, item })) : [];
    });
  }

  #removeWorkload(name: WorkloadName): void {
    const before = this.#workloads.get(name);
    if (!before) return;
    this.#workloads.delete(name);
    this.#input.workloads.set(name, undefined);
    this.#places.leave(before);
    if (before.role === "sidecar") this.#countCaller(before.namespace, -1);
    this.#scopes.forget(`own ${name}`);
    this.#close(`own ${name}`);
  }

  #countCaller(namespace: Namespace, step: 1 | -1): void {
    const count = Math.max(0, (this.#callers.get(namespace) ?? 0) + step);
    if (count > 0) {
      this.#callers.set(namespace, count);
      const layer = layerKey("routes", "ns", namespace);
      this.#open(`outbound ${namespace}`, (read) => [{ layer, item: this.#derive.outbound(read, namespace) }]);
      this.#scopes.watch(`outbound ${namespace}`, {
        namespace,
        caller: () => ({ namespace, labels: {} }),
        onMoved: () => this.#moved.namespaces.add(namespace),
      });
    } else if (this.#callers.delete(namespace)) {
      this.#scopes.forget(`outbound ${namespace}`);
      this.#close(`outbound ${namespace}`);
    }
  }

  #itemsOf(read: Read, host: Host): readonly Placed[] {
    const everybody = this.#view(read, host, meshView);
    const own = this.#destinations.ownViews(read, host);
    const rule = this.#destinations.rule(read, host, meshView);
    const differing = this.#destinations.views(read, host).flatMap((view) => {
      if (!own.includes(view) && same(this.#destinations.rule(read, host, view), rule)) return [];
      return this.#view(read, host, view);
    });
    const near = this.#destinations.near(read, host).map(({ place, item }) => ({
      layer: nearLayer(place.namespace, place.name),
      item,
    }));
    return [...everybody, ...differing, ...near];
  }

  #view(read: Read, host: Host, view: View): readonly Placed[] {
    const clusterLayer = view ? layerKey("clusters", "ns", view) : clustersMesh;
    const endpointLayer = view ? layerKey("endpoints", "ns", view) : endpointsMesh;
    const known = view ? this.#items(read, host, meshView) : [];
    const items = this.#items(read, host, view)
      .filter((item) => !known.some((other) => same(other, item)))
      .map((item) => ({ layer: item.type === "cluster" ? clusterLayer : endpointLayer, item }));
    return [...items, ...this.#forGateways(read, host, view)];
  }

  /** Clusters of which gateways are told otherwise than sidecars are, or than gateways of all namespaces. */
  #forGateways(read: Read, host: Host, view: View): readonly Placed[] {
    const layer = view ? gatewayClusters(view) : gatewayClustersMesh;
    const told = this.#clusters(read, host, view);
    const everybody = this.#clusters(read, host, meshView);
    // One and the same, unless something is meant for gateways alone.
    if (told.gateways === told.sidecars && everybody.gateways === everybody.sidecars) return [];
    const isAmong = (item: ClusterItem, clusters: readonly ClusterItem[]): boolean =>
      clusters.some((other) => same(other, item));
    return told.gateways
      .filter((item) => !isAmong(item, told.sidecars) || !isAmong(item, everybody.gateways))
      .map((item) => ({ layer, item }));
  }

  #clusters(read: Read, host: Host, view: View): Readonly<Record<"sidecars" | "gateways", readonly ClusterItem[]>> {
    return {
      sidecars: this.#destinations.clusters(read, host, view),
      gateways: this.#destinations.gatewayClusters(read, host, view),
    };
  }

  #items(read: Read, host: Host, view: View): readonly (ClusterItem | EndpointsItem)[] {
    const { subsets } = this.#destinations.rule(read, host, view);
    return [
      ...this.#destinations.clusters(read, host, view),
      ...this.#destinations.assignments(read, host, view, [wholeDestination, ...subsets]),
    ];
  }

  #open(name: string, compute: (read: Read) => readonly Placed[]): void {
    if (this.#outputs.has(name)) return;
    const kind = name.split(" ")[0] ?? name;
    const output = this.#graph.watch(kind, compute, (now, before) => this.#layers.place(before ?? [], now));
    this.#outputs.set(name, output);
  }

  #close(name: string): void {
    const output = this.#outputs.get(name);
    if (!output) return;
    this.#outputs.delete(name);
    this.#layers.place(output.last() ?? [], []);
    output.end();
  }
}
