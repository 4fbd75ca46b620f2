/** One workload's whole configuration out of a whole input, for those who have no running compiler. Pure. */
import type { EndpointShard } from "../model/endpoint.ts";
import type { MeshObject } from "../model/object.ts";
import type { Workload } from "../model/workload.ts";
import { Compiler } from "./compiler.ts";
import type { InputChange } from "./input.ts";
import type { Item } from "./ir.ts";
import type { LayerKey } from "./layer.ts";
import type { MeshSettings } from "./settings.ts";

export interface MeshContents {
  readonly objects: readonly MeshObject[];
  /** The workload itself may be left out. */
  readonly workloads: readonly Workload[];
  readonly shards: readonly EndpointShard[];
  readonly settings?: MeshSettings;
}

export interface Compiled {
  /** That was given the whole input, for those who ask further. */
  readonly compiler: Compiler;
  /** @see itemsFor */
  readonly items: readonly Item[];
  readonly layers: ReadonlyMap<LayerKey, readonly Item[]>;
}

export function changesFrom({ objects, workloads, shards, settings }: MeshContents): readonly InputChange[] {
  return [
    ...(settings ? [{ kind: "settings", settings } as const] : []),
    ...objects.map((object) => ({ kind: "object", object }) as const),
    ...workloads.map((workload) => ({ kind: "workload", workload }) as const),
    ...shards.map((shard) => ({ kind: "shard", shard }) as const),
  ];
}

export function compileOnce(contents: MeshContents, workload: Workload): Compiled {
  const compiler = new Compiler();
  compiler.update([...changesFrom(contents), { kind: "workload", workload }]);
  const layers = new Map(compiler.layersOf(workload).map((layer) => [layer, compiler.items(layer)] as const));
  return { compiler, items: itemsFor(compiler, workload), layers };
}

/** What its proxy holds: of each name the one in the last layer that has it. */
export function itemsFor(compiler: Compiler, workload: Workload): readonly Item[] {
  const items = new Map<string, Item>();
  for (const item of compiler.layersOf(workload).flatMap((layer) => compiler.items(layer)))
    items.set(`${item.type}\n${item.name}`, item);
  return [...items.values()];
}
