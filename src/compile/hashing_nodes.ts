/**
 * The graph's nodes of hashing: what each destination's rules hash by, and which callers hash otherwise than the mesh, so
 * that all others go on sharing their virtual hosts. Part of derive.ts.
 */
import type { Host, Namespace } from "../model/names.ts";
import type { VirtualService } from "../model/route.ts";
import type { View } from "./destination_rules.ts";
import type { Destinations } from "./destinations.ts";
import { type Graph, NodeFamily, type Read } from "./graph.ts";
import { type Hashing, type HashOf, hashingOf, hashKeyOf } from "./hashing.ts";
import { compare } from "./hosts.ts";

interface Sources {
  readonly destinations: Destinations;
  /** By objectKey, with what they delegate. */
  routes(read: Read, virtualService: string): VirtualService | undefined;
}

export class HashingNodes {
  readonly #hashing: NodeFamily<[Host], Hashing | undefined>;
  readonly #routed: NodeFamily<[string], readonly Namespace[]>;

  constructor(graph: Graph, { destinations, routes }: Sources) {
    this.#hashing = new NodeFamily(graph, "hashing", (read, host) =>
      hashingOf(destinations.rules(read, host), destinations.views(read, host), (view) => {
        // Where the Host says the way there is nobody to choose among, and a cookie would be given for nothing.
        const chooses = destinations.declared(read, host, view)?.reach !== "host";
        return chooses ? destinations.rule(read, host, view) : undefined;
      }),
    );
    this.#routed = new NodeFamily(graph, "hashers", (read, virtualService) => {
      const http = routes(read, virtualService)?.http ?? [];
      const hosts = new Set(http.flatMap((route) => route.destinations.map(({ host }) => host)));
      return [...new Set([...hosts].flatMap((host) => this.#hashersTo(read, host)))].sort(compare);
    });
  }

  /** @param view of the callers. */
  hashOf(read: Read, view: View): HashOf {
    return (destination) => {
      const hashing = read(this.#hashing.at(destination.host));
      return hashing && hashKeyOf(hashing, view, destination);
    };
  }

  /**
   * Namespaces whose callers hash otherwise than the mesh's: by the routes of VirtualServices, and by a destination's own.
   * @param virtualServices objectKeys
   */
  hashers(read: Read, destination: Host | undefined, virtualServices: readonly string[]): readonly Namespace[] {
    const routed = virtualServices.flatMap((key) => read(this.#routed.at(key)));
    return destination === undefined ? routed : [...routed, ...this.#hashersTo(read, destination)];
  }

  #hashersTo(read: Read, host: Host): readonly Namespace[] {
    return read(this.#hashing.at(host))?.others.map(({ view }) => view) ?? [];
  }
}
