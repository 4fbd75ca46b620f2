/**
 * The layers of callers that a Sidecar narrows, in place of those that a whole namespace shares. Opened with the first
 * caller of a scope; with the last one gone they stay until `sweep`, because its proxy is served from them until it has
 * been given others. Written by the compiler alone.
 *
 *   clusters/scope/NS/SIDECARS, endpoints/scope/NS/SIDECARS, routes/scope/NS/SIDECARS
 */
import type { Namespace } from "../model/names.ts";
import { dnsClusterItem } from "./clusters.ts";
import { type Derivations, wholeService } from "./derive.ts";
import { meshView, viewsOf } from "./destination_rules.ts";
import type { Graph, Node, Read } from "./graph.ts";
import { type LayerKey, layerKey } from "./layer.ts";
import type { Placed } from "./layer_table.ts";
import type { Caller } from "./scope.ts";

/** Where the items of an output go. Outputs are named KIND REST. */
export interface Outputs {
  open(name: string, compute: (read: Read) => readonly Placed[]): void;
  close(name: string): void;
}

interface Ports {
  readonly graph: Graph;
  readonly derive: Derivations;
  readonly outputs: Outputs;
}

interface Opened {
  readonly namespace: Namespace;
  callers: number;
  readonly members: Node<readonly string[]>;
}

export interface Watch {
  /** Never another. */
  readonly namespace: Namespace;
  caller(read: Read): Caller | undefined;
  /** It sees another part of the mesh from now on. */
  onMoved(): void;
}

interface Watched {
  readonly node: Node<ScopeOf>;
  readonly namespace: Namespace;
}

/** The Sidecars that hold; "": none. */
type ScopeOf = string;

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
    const compute = (read: Read): ScopeOf => {
      const now = caller(read);
      return now ? derive.sidecars(read, now) : "";
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

  /** undefined: no Sidecar holds for it. */
  layersOf(who: string): readonly LayerKey[] | undefined {
    const watched = this.#watched.get(who);
    const sidecars = watched?.node.last();
    return watched && sidecars ? layersUnder(watched.namespace, sidecars) : undefined;
  }

  /** Lets go of scopes without callers. */
  sweep(): void {
    for (const [key, { callers, members }] of this.#opened) {
      if (callers > 0) continue;
      this.#opened.delete(key);
      for (const service of members.last() ?? []) this.#ports.outputs.close(`scoped ${key} ${service}`);
      members.end();
      this.#ports.outputs.close(`scope ${key}`);
    }
  }

  #enter(namespace: Namespace, sidecars: ScopeOf): void {
    const key = `${namespace}/${sidecars}`;
    const opened = this.#opened.get(key) ?? this.#openScope(namespace, sidecars);
    opened.callers++;
    this.#opened.set(key, opened);
  }

  #leave(namespace: Namespace, sidecars: ScopeOf): void {
    const opened = this.#opened.get(`${namespace}/${sidecars}`);
    if (opened) opened.callers--;
  }

  #openScope(namespace: Namespace, sidecars: ScopeOf): Opened {
    const { graph, derive, outputs } = this.#ports;
    const key = `${namespace}/${sidecars}`;
    const [clusters, endpoints, routes] = layersUnder(namespace, sidecars);
    outputs.open(`scope ${key}`, (read) => [
      { layer: routes, item: derive.scopedOutbound(read, namespace, sidecars) },
      ...(derive.policyUnder(read, namespace, sidecars) === "ALLOW_ANY"
        ? [{ layer: clusters, item: dnsClusterItem }]
        : []),
    ]);
    const members = graph.watch(
      "scope members",
      (read) => derive.members(read, namespace, sidecars),
      (now, before) => {
        const left = new Set(before);
        for (const service of now) {
          left.delete(service);
          const items = (read: Read): readonly Placed[] =>
            this.#items(read, service, namespace, { clusters, endpoints });
          outputs.open(`scoped ${key} ${service}`, items);
        }
        for (const service of left) outputs.close(`scoped ${key} ${service}`);
      },
    );
    return { namespace, callers: 0, members };
  }

  #items(
    read: Read,
    service: string,
    namespace: Namespace,
    layers: { readonly clusters: LayerKey; readonly endpoints: LayerKey },
  ): readonly Placed[] {
    const { derive } = this.#ports;
    // Who meets the mesh's rule shares what was worked out for everybody.
    const view = viewsOf(derive.rules(read, service)).includes(namespace) ? namespace : meshView;
    const { subsets } = derive.rule(read, service, view);
    return [
      ...derive.clusters(read, service, view).map((item) => ({ layer: layers.clusters, item })),
      ...derive
        .assignments(read, service, [wholeService, ...subsets])
        .map((item) => ({ layer: layers.endpoints, item })),
    ];
  }
}

function layersUnder(namespace: Namespace, sidecars: ScopeOf): readonly [LayerKey, LayerKey, LayerKey] {
  const layer = (what: string): LayerKey => layerKey(what, "scope", namespace, sidecars);
  return [layer("clusters"), layer("endpoints"), layer("routes")];
}
