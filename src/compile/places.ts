/** Where callers are: each namespace and locality that some workload with a locality has. Owned by the compiler. */
import type { Locality, Namespace } from "../model/names.ts";
import type { Workload } from "../model/workload.ts";
import { Cell, type Graph } from "./graph.ts";
import { compare } from "./hosts.ts";

export interface Place {
  readonly namespace: Namespace;
  /** Never empty. */
  readonly locality: Locality;
}

export class Places {
  readonly cell: Cell<readonly Place[]>;
  readonly #counts = new Map<string, { readonly place: Place; count: number }>();

  constructor(graph: Graph) {
    this.cell = new Cell<readonly Place[]>(graph, []);
  }

  enter({ namespace, locality }: Workload): void {
    if (locality === "") return;
    const key = `${namespace} ${locality}`;
    const known = this.#counts.get(key);
    if (known) {
      known.count++;
      return;
    }
    this.#counts.set(key, { place: { namespace, locality }, count: 1 });
    this.#tell();
  }

  leave({ namespace, locality }: Workload): void {
    const key = `${namespace} ${locality}`;
    const known = this.#counts.get(key);
    if (!known || --known.count > 0) return;
    this.#counts.delete(key);
    this.#tell();
  }

  #tell(): void {
    const sorted = [...this.#counts].sort(([a], [b]) => compare(a, b));
    this.cell.set(sorted.map(([, { place }]) => place));
  }
}
