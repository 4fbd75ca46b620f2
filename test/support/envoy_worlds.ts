/**
 * What every Envoy of a mesh holds, by its own counts: whether between two looks any of them lost a cluster, a listener or
 * an endpoint, however briefly. Only counters can say so; a gauge may have been zero between two looks.
 */
import type { Mesh } from "./mesh.ts";

/** Of one Envoy. */
interface World {
  readonly removed: Readonly<Record<string, number>>;
  /** Cluster → how often its endpoints changed, and how many there are. */
  readonly changes: ReadonlyMap<string, number>;
  readonly endpoints: ReadonlyMap<string, number>;
}

const removals = ["cluster_manager.cluster_removed", "listener_manager.listener_removed"];
const filter =
  "^(cluster_manager.cluster_removed|listener_manager.listener_removed|cluster\\..*\\.membership_(change|total))$";

export class EnvoyWorlds {
  readonly #mesh: Mesh;
  readonly #first: ReadonlyMap<string, World>;

  private constructor(mesh: Mesh, first: ReadonlyMap<string, World>) {
    this.#mesh = mesh;
    this.#first = first;
  }

  static async look(mesh: Mesh): Promise<EnvoyWorlds> {
    return new EnvoyWorlds(mesh, await worlds(mesh));
  }

  /** How many clusters all of them hold together. */
  get clusters(): number {
    return [...this.#first.values()].reduce((sum, { endpoints }) => sum + endpoints.size, 0);
  }

  /** What was lost since, or changed although nobody changed it; a line each. */
  async losses(): Promise<readonly string[]> {
    const now = await worlds(this.#mesh);
    return [...this.#first].flatMap(([name, before]) => {
      const after = now.get(name);
      if (!after) return [`${name}: its Envoy does not answer`];
      const removed = removals.flatMap((counter) => {
        const [from = 0, to = 0] = [before.removed[counter], after.removed[counter]];
        return to === from ? [] : [`${name}: ${counter} rose from ${from} to ${to}`];
      });
      const changed = [...before.endpoints].flatMap(([cluster, count]) => {
        const changes = (after.changes.get(cluster) ?? 0) - (before.changes.get(cluster) ?? 0);
        const left = after.endpoints.get(cluster);
        if (changes === 0 && left === count) return [];
        return [`${name}: endpoints of ${cluster} changed ${changes} times, from ${count} to ${left ?? "none"}`];
      });
      return [...removed, ...changed];
    });
  }
}

async function worlds(mesh: Mesh): Promise<ReadonlyMap<string, World>> {
  const found = await Promise.all(
    mesh.ready.workloads.map(async ({ name, admin }) => {
      const response = await fetch(`http://${admin}/stats?filter=${encodeURIComponent(filter)}`);
      return [name, worldOf(await response.text())] as const;
    }),
  );
  return new Map(found);
}

function worldOf(text: string): World {
  const removed: Record<string, number> = {};
  const changes = new Map<string, number>();
  const endpoints = new Map<string, number>();
  for (const line of text.split("\n")) {
    const [, name = "", count = ""] = /^(.*): (\d+)$/.exec(line) ?? [];
    if (removals.includes(name)) removed[name] = Number(count);
    const [, cluster, what] = /^cluster\.(.*)\.membership_(change|total)$/.exec(name) ?? [];
    if (cluster !== undefined) (what === "change" ? changes : endpoints).set(cluster, Number(count));
  }
  return { removed, changes, endpoints };
}
