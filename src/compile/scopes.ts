/**
 * The layers of callers that do not see what their whole namespace does: because a Sidecar narrows it, or because routes ask
 * for labels that they have. Opened with the first caller of a scope; with the last one gone they stay until `sweep`,
 * because its proxy is served from them until it has been given others. Written by the compiler alone.
 *
 *   routes/scope/NS/NAME                             instead of routes/ns/NS
 *   clusters/scope/NS/NAME, endpoints/scope/NS/NAME  under a Sidecar, instead of the mesh's and the namespace's
 *   endpoints/scope/NS/NAME/PLACE                    likewise, instead of endpoints/near
 */
import type { Host, Namespace } from "../model/names.ts";
import { dnsClusterItem } from "./clusters.ts";
import type { Derivations } from "./derive.ts";
import { wholeDestination } from "./destination.ts";
import { viewOf } from "./destination_rules.ts";
import type { Destinations } from "./destinations.ts";
import type { Graph, Node, Read } from "./graph.ts";
import { type LayerKey, layerKey, layersOfDestinations } from "./layer.ts";
import type { Placed } from "./layer_table.ts";
import type { PlaceName } from "./places.ts";
import { type Caller, partsOf, type ScopeName } from "./scope.ts";

/** Where the items of an output go. Outputs are named KIND REST. */
export interface Outputs {
  open(name: string, compute: (read: Read) => readonly Placed[]): void;
  close(name: string): void;
}

interface Ports {
  readonly graph: Graph;
  readonly derive: Derivations;
  readonly destinations: Destinations;
  readonly outputs: Outputs;
}

interface Opened {
  readonly namespace: Namespace;
  callers: number;
  /** Absent: those of the namespace. */
  readonly members: Node<readonly Host[]> | undefined;
}

export interface Watch {
  /** Never another. */
  readonly namespace: Namespace;
  caller(read: Read): Caller | undefined;
  /** It sees another part of the mesh from now on. */
  onMoved(): void;
}

interface Watched {
  readonly node: Node<ScopeName>;
  readonly namespace: Namespace;
}

export class Scopes {
  readonly #ports: Ports;
  readonly #watched = new Map<string, Watched>();
  readonly #opened = new Map<string, Opened>();

  constructor(ports: Ports) {
    this.#ports = ports;
  }

  /** @param who any name, for `forget` and `layersOf`. */
  watch(who: string, { namespace, caller, onMoved }: Watch): void {
    if (this.#watched.has(who)) return;
    const { graph, derive } = this.#ports;
    const compute = (read: Read): ScopeName => {
      const now = caller(read);
      return now ? derive.scopeOf(read, now) : "";
    };
    const node = graph.watch("scope of", compute, (now, before) => {
      if (now !== "") this.#enter(namespace, now);
      if (before) this.#leave(namespace, before);
      if (before !== undefined) onMoved();
    });
    this.#watched.set(who, { node, namespace });
  }

  forget(who: string): void {
    const watched = this.#watched.get(who);
    if (!watched) return;
    this.#watched.delete(who);
    const last = watched.node.last();
    watched.node.end();
    if (last) this.#leave(watched.namespace, last);
  }

  /** undefined: it sees what its namespace does. */
  layersOf(who: string, place: PlaceName): readonly LayerKey[] | undefined {
    const watched = this.#watched.get(who);
    const name = watched?.node.last();
    if (!watched || !name) return undefined;
    const { namespace } = watched;
    const { clusters, endpoints, routes } = layersUnder(namespace, name);
    if (!isNarrowed(name)) return [...layersOfDestinations(namespace, place), routes];
    const near = place === "" ? [] : [nearUnder(namespace, name, place)];
    return [clusters, endpoints, ...near, routes];
  }

  /** Lets go of scopes without callers. */
  sweep(): void {
    for (const [key, { callers, members }] of this.#opened) {
      if (callers > 0) continue;
      this.#opened.delete(key);
      for (const host of members?.last() ?? []) this.#ports.outputs.close(`scoped ${key} ${host}`);
      members?.end();
      this.#ports.outputs.close(`scope ${key}`);
    }
  }

  #enter(namespace: Namespace, name: ScopeName): void {
    const key = `${namespace}/${name}`;
    const opened = this.#opened.get(key) ?? this.#openScope(namespace, name);
    opened.callers++;
    this.#opened.set(key, opened);
  }

  #leave(namespace: Namespace, name: ScopeName): void {
    const opened = this.#opened.get(`${namespace}/${name}`);
    if (opened) opened.callers--;
  }

  #openScope(namespace: Namespace, name: ScopeName): Opened {
    const { derive, outputs } = this.#ports;
    const { clusters, routes } = layersUnder(namespace, name);
    const narrowed = isNarrowed(name);
    outputs.open(`scope ${namespace}/${name}`, (read) => [
      { layer: routes, item: derive.scopedOutbound(read, namespace, name) },
      ...(narrowed && derive.policyUnder(read, namespace, name) === "ALLOW_ANY"
        ? [{ layer: clusters, item: dnsClusterItem }]
        : []),
    ]);
    return { namespace, callers: 0, members: narrowed ? this.#watchMembers(namespace, name) : undefined };
  }

  #watchMembers(namespace: Namespace, name: ScopeName): Node<readonly Host[]> {
    const { graph, derive, outputs } = this.#ports;
    const near = (place: PlaceName): LayerKey => nearUnder(namespace, name, place);
    const layers = { ...layersUnder(namespace, name), near };
    const output = (host: Host): string => `scoped ${namespace}/${name} ${host}`;
    return graph.watch(
      "scope members",
      (read) => derive.members(read, namespace, name),
      (now, before) => {
        const left = new Set(before);
        for (const host of now) {
          left.delete(host);
          outputs.open(output(host), (read) => this.#items(read, host, namespace, layers));
        }
        for (const host of left) outputs.close(output(host));
      },
    );
  }

  #items(
    read: Read,
    host: Host,
    namespace: Namespace,
    layers: {
      readonly clusters: LayerKey;
      readonly endpoints: LayerKey;
      readonly near: (place: PlaceName) => LayerKey;
    },
  ): readonly Placed[] {
    const { destinations } = this.#ports;
    // Who meets the mesh's rule shares what was worked out for everybody.
    const view = viewOf(namespace, destinations.views(read, host));
    const { subsets } = destinations.rule(read, host, view);
    return [
      ...destinations.clusters(read, host, view).map((item) => ({ layer: layers.clusters, item })),
      ...destinations
        .assignments(read, host, view, [wholeDestination, ...subsets])
        .map((item) => ({ layer: layers.endpoints, item })),
      ...destinations
        .near(read, host)
        .filter(({ place }) => place.namespace === namespace)
        .map(({ place, item }) => ({ layer: layers.near(place.name), item })),
    ];
  }
}

/** Only then it has destinations of its own. */
function isNarrowed(name: ScopeName): boolean {
  return partsOf(name).sidecars.length > 0;
}

function layersUnder(namespace: Namespace, name: ScopeName): Record<"clusters" | "endpoints" | "routes", LayerKey> {
  const layer = (what: string): LayerKey => layerKey(what, "scope", namespace, name);
  return { clusters: layer("clusters"), endpoints: layer("endpoints"), routes: layer("routes") };
}

function nearUnder(namespace: Namespace, name: ScopeName, place: PlaceName): LayerKey {
  return layerKey("endpoints", "scope", namespace, name, place);
}
