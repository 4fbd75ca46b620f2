/**
 * Where callers are: each namespace, with a locality or with values of the labels that rules order endpoints by, that some
 * workload has. Callers of one place share what they see. Owned by the compiler.
 */
import type { Namespace, WorkloadName } from "../model/names.ts";
import { nameOfWorkload, type Workload } from "../model/workload.ts";
import { Cell, type Graph } from "./graph.ts";
import { compare } from "./hosts.ts";
import { type Standpoint, standpointOf } from "./standpoint.ts";

/** Within a namespace. "": nowhere. */
export type PlaceName = string;

export interface Place extends Standpoint {
  readonly namespace: Namespace;
  /** Never empty. */
  readonly name: PlaceName;
}

interface Counted {
  readonly place: Place;
  count: number;
}

export class Places {
  readonly cell: Cell<readonly Place[]>;
  #counts = new Map<string, Counted>();
  /** Nobody is there any more; callers are served from them until they have been given others. */
  #left: readonly Place[] = [];
  #asked: readonly string[] = [];

  constructor(graph: Graph) {
    this.cell = new Cell<readonly Place[]>(graph, []);
  }

  enter(workload: Workload): void {
    if (this.#count(workload)) this.#tell();
  }

  leave(workload: Workload): void {
    const key = keyOf(this.#placeOf(workload));
    const known = this.#counts.get(key);
    if (!known || --known.count > 0) return;
    this.#counts.delete(key);
    this.#tell();
  }

  nameFor(workload: Workload): PlaceName {
    return this.#placeOf(workload).name;
  }

  /** Places are told apart by these labels from now on. @returns who is at another place thereby. */
  ask(labels: readonly string[], workloads: Iterable<Workload>): readonly WorkloadName[] {
    const all = [...workloads];
    const before = all.map((workload) => this.nameFor(workload));
    const left = [...this.#counts.values()].map(({ place }) => place);
    this.#asked = labels;
    this.#counts = new Map();
    for (const workload of all) this.#count(workload);
    this.#left = left.filter((place) => !this.#counts.has(keyOf(place)));
    this.#tell();
    return all.filter((workload, at) => this.nameFor(workload) !== before[at]).map(nameOfWorkload);
  }

  /** Lets go of places that were left. */
  sweep(): void {
    if (this.#left.length === 0) return;
    this.#left = [];
    this.#tell();
  }

  /** @returns whether it is the first there. */
  #count(workload: Workload): boolean {
    const place = this.#placeOf(workload);
    if (place.name === "") return false;
    const known = this.#counts.get(keyOf(place));
    if (known) known.count++;
    else this.#counts.set(keyOf(place), { place, count: 1 });
    return !known;
  }

  #placeOf(workload: Workload): Place {
    const stands = standpointOf(workload, this.#asked);
    return { namespace: workload.namespace, name: nameOf(stands), ...stands };
  }

  #tell(): void {
    const places = [...[...this.#counts.values()].map(({ place }) => place), ...this.#left];
    this.cell.set(places.sort((a, b) => compare(keyOf(a), keyOf(b))));
  }
}

/** Neither localities nor labels have "?", "&" or "=". */
function nameOf({ locality, labels }: Standpoint): PlaceName {
  const asked = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return locality + (asked.length > 0 ? `?${asked.join("&")}` : "");
}

function keyOf({ namespace, name }: Place): string {
  return `${namespace} ${name}`;
}
