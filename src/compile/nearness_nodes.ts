/**
 * The graph's nodes of localities: the endpoints of a destination as callers of a place see them, for destinations whose
 * rules care, and nothing for all others. Part of destinations.ts.
 */
import type { Host, Locality, Namespace } from "../model/names.ts";
import type { DestinationRule, Subset } from "../model/traffic.ts";
import type { Declared } from "./destination.ts";
import { type EffectiveRule, settingsIn, settingsOf, type View, viewOf } from "./destination_rules.ts";
import { type Cell, type Graph, NodeFamily, type Read } from "./graph.ts";
import type { EndpointsItem } from "./ir.ts";
import { prefers, seenFrom } from "./nearness.ts";
import type { Place } from "./places.ts";

/** As destinations.ts has them. */
interface Sources {
  readonly places: Cell<readonly Place[]>;
  rules(read: Read, host: Host): readonly DestinationRule[];
  views(read: Read, host: Host): readonly Namespace[];
  rule(read: Read, host: Host, view: View): EffectiveRule;
  declared(read: Read, host: Host, view: View): Declared | undefined;
  assignment(read: Read, host: Host, view: View, port: number, subset: Subset | undefined): EndpointsItem;
}

export interface Near {
  readonly place: Place;
  readonly item: EndpointsItem;
}

export class NearnessNodes {
  readonly #sources: Sources;
  readonly #near: NodeFamily<[Host, View, Locality], readonly EndpointsItem[]>;

  constructor(graph: Graph, sources: Sources) {
    this.#sources = sources;
    this.#near = new NodeFamily(graph, "near", (read, host, view, locality) => {
      const declared = sources.declared(read, host, view);
      // Others stand in their cluster, which callers of all places share.
      if (declared?.reach !== "endpoints") return [];
      const rule = sources.rule(read, host, view);
      return declared.ports.flatMap(({ port }) =>
        [undefined, ...rule.subsets].flatMap((subset) => {
          const settings = settingsOf(rule, port, subset);
          if (!prefers(settings)) return [];
          const item = sources.assignment(read, host, view, port, subset);
          const seen = seenFrom(item, locality, settings);
          return seen === item ? [] : seen;
        }),
      );
    });
  }

  /** Where it differs from what others of the caller's namespace see. */
  seen(read: Read, host: Host): readonly Near[] {
    if (!this.#sources.rules(read, host).some(cares)) return [];
    const views = this.#sources.views(read, host);
    return read(this.#sources.places).flatMap((place) => {
      const { namespace, locality } = place;
      const view = viewOf(namespace, views);
      return read(this.#near.at(host, view, locality)).map((item) => ({ place, item }));
    });
  }
}

function cares(rule: DestinationRule): boolean {
  return settingsIn(rule).some(({ locality }) => locality !== undefined && locality.kind !== "off");
}
