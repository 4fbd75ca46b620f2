/** How much is in force: endpoints, and services that somebody says anything of. Kept by gate.ts. */
import type { RecordKey } from "../../store/store.ts";
import type { MeshRecord } from "../mesh_record.ts";
import type { Size } from "./judgement.ts";

/** A set of endpoints that is to become smaller. */
export interface Shrinking {
  readonly key: RecordKey;
  /** undefined: it is to go. */
  readonly now: MeshRecord | undefined;
}

export class InForce {
  /** Endpoints of each shard that take traffic. */
  readonly #shards = new Map<RecordKey, number>();
  /** Shards of each service. */
  readonly #services = new Map<string, number>();
  #endpoints = 0;

  size(): Size {
    return { endpoints: this.#endpoints, services: this.#services.size };
  }

  set(key: RecordKey, record: MeshRecord | undefined): void {
    const count = endpointsIn(record);
    const before = this.#shards.get(key);
    if (count === undefined && before === undefined) return;
    this.#endpoints += (count ?? 0) - (before ?? 0);
    if (count === undefined) this.#shards.delete(key);
    else this.#shards.set(key, count);
    this.#countService(serviceOf(key), Number(count !== undefined) - Number(before !== undefined));
  }

  shrinks(key: RecordKey, now: MeshRecord | undefined): boolean {
    const before = this.#shards.get(key);
    if (before === undefined) return false;
    const count = endpointsIn(now);
    return count === undefined || count < before;
  }

  sizeAfter(shrinking: readonly Shrinking[]): Size {
    const going = Map.groupBy(
      shrinking.filter(({ now }) => endpointsIn(now) === undefined),
      ({ key }) => serviceOf(key),
    );
    const gone = [...going].filter(([service, keys]) => keys.length === this.#services.get(service));
    const lost = shrinking.map(({ key, now }) => (this.#shards.get(key) ?? 0) - (endpointsIn(now) ?? 0));
    const endpoints = lost.reduce((left, count) => left - count, this.#endpoints);
    return { endpoints, services: this.#services.size - gone.length };
  }

  #countService(service: string, by: number): void {
    const shards = (this.#services.get(service) ?? 0) + by;
    if (shards === 0) this.#services.delete(service);
    else this.#services.set(service, shards);
  }
}

/** endpoints.NS.SERVICE.SOURCE */
export function setOf(key: RecordKey): string {
  return key.split(".").slice(0, 4).join(".");
}

function serviceOf(key: RecordKey): string {
  return key.split(".").slice(1, 3).join(".");
}

/** undefined: no shard. */
function endpointsIn(record: MeshRecord | undefined): number | undefined {
  return record?.kind === "shard" ? record.shard.endpoints.filter(({ weight }) => weight > 0).length : undefined;
}
