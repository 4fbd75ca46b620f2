/**
 * The graph's nodes of nearness: the endpoints of a destination as callers of a place see them, for destinations whose
 * rules care, and nothing for all others. Part of destinations.ts.
 */
import type { Host, Namespace } from "../model/names.ts";
import type { DestinationRule, Subset } from "../model/traffic.ts";
import { type Declared, type SubsetKey, wholeDestination } from "./destination.ts";
import { type EffectiveRule, settingsOf, type View, viewOf } from "./destination_rules.ts";
import { type Cell, type Graph, NodeFamily, type Read } from "./graph.ts";
import { compare } from "./hosts.ts";
import type { EndpointsItem } from "./ir.ts";
import { asksOf, cares, type Seen, seenFrom } from "./nearness.ts";
import type { Place } from "./places.ts";
import { same } from "./same.ts";
import { type Asks, nobody, standpointFrom, standpointText } from "./standpoint.ts";

/** As destinations.ts has them. */
interface Sources {
  readonly places: Cell<readonly Place[]>;
  rules(read: Read, host: Host): readonly DestinationRule[];
  views(read: Read, host: Host): readonly Namespace[];
  rule(read: Read, host: Host, view: View): EffectiveRule;
  declared(read: Read, host: Host, view: View): Declared | undefined;
  seen(read: Read, host: Host, view: View, port: number, subset: SubsetKey): Seen;
}

export interface Near {
  readonly place: Place;
  readonly item: EndpointsItem;
}

export class NearnessNodes {
  readonly #sources: Sources;
  /** What rules read of callers; undefined: nothing. */
  readonly #asks: NodeFamily<[Host, View], Asks | undefined>;
  readonly #near: NodeFamily<[Host, View, string], readonly EndpointsItem[]>;

  constructor(graph: Graph, sources: Sources) {
    this.#sources = sources;
    this.#asks = new NodeFamily(graph, "near asks", (read, host, view) => {
      const asks = this.#clusters(read, host, view).flatMap(({ settings }) => asksOf(settings) ?? []);
      if (asks.length === 0) return undefined;
      const labels = new Set(asks.flatMap((one) => one.labels));
      return { locality: asks.some(({ locality }) => locality), labels: [...labels].sort(compare) };
    });
    this.#near = new NodeFamily(graph, "near", (read, host, view, from) =>
      this.#clusters(read, host, view).flatMap(({ port, subset, settings }) => {
        if (!asksOf(settings)) return [];
        const seen = sources.seen(read, host, view, port, subset);
        const item = seenFrom(seen, standpointFrom(from), settings);
        return same(item, seenFrom(seen, nobody, settings)) ? [] : item;
      }),
    );
  }

  /** Where it differs from what others of the caller's namespace see. */
  seen(read: Read, host: Host): readonly Near[] {
    if (!this.#sources.rules(read, host).some(cares)) return [];
    const views = this.#sources.views(read, host);
    return read(this.#sources.places).flatMap((place) => {
      const view = viewOf(place.namespace, views);
      const asks = read(this.#asks.at(host, view));
      if (!asks) return [];
      return read(this.#near.at(host, view, standpointText(place, asks))).map((item) => ({ place, item }));
    });
  }

  /** As callers see it of whom nothing is known that rules ask for. */
  seenByNobody(read: Read, host: Host, view: View, port: number, subset: SubsetKey): EndpointsItem {
    const seen = this.#sources.seen(read, host, view, port, subset);
    if (!this.#sources.rules(read, host).some(cares)) return seen.item();
    const rule = this.#sources.rule(read, host, view);
    const own = rule.subsets.find(({ name }) => name === subset.name);
    return seenFrom(seen, nobody, settingsOf(rule, port, own));
  }

  /** Those that have their endpoints from outside of themselves; others are the same for all callers. */
  #clusters(read: Read, host: Host, view: View) {
    const declared = this.#sources.declared(read, host, view);
    if (declared?.reach !== "endpoints") return [];
    const rule = this.#sources.rule(read, host, view);
    return declared.ports.flatMap(({ port }) =>
      [undefined, ...rule.subsets].map((subset: Subset | undefined) => ({
        port,
        subset: subset ?? wholeDestination,
        settings: settingsOf(rule, port, subset),
      })),
    );
  }
}
