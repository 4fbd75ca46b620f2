/**
 * A generation: one step of a proxy's configuration, pinned when it starts, that goes out in the order of make before
 * break. Each phase waits until the proxy has acknowledged the one before it:
 *
 *   clusters → endpoints that they wait for → listeners → routes → removals: routes, listeners, endpoints, clusters
 *
 * What changes meanwhile belongs to the next generation; only endpoints, which nothing else names, overtake. A type with
 * something unacknowledged from an abandoned generation is excused: the phases do not wait for it.
 */
import type { ResourceType } from "../envoy/resource.ts";
import type { Item } from "./item.ts";
import { NameMap } from "./name_map.ts";
import type { Step } from "./step.ts";
import { type Debt, older } from "./type_state.ts";
import { perType } from "./type_url.ts";

export interface Phase {
  readonly kind: "set" | "remove";
  readonly type: ResourceType;
}

export const phases: readonly Phase[] = [
  { kind: "set", type: "cluster" },
  { kind: "set", type: "endpoints" },
  { kind: "set", type: "listener" },
  { kind: "set", type: "route" },
  { kind: "remove", type: "route" },
  { kind: "remove", type: "listener" },
  { kind: "remove", type: "endpoints" },
  { kind: "remove", type: "cluster" },
];

export interface Pinned {
  /** undefined: the name was asked for and there is none. */
  readonly item: Item | undefined;
  readonly debt: Debt;
}

/** awaited → owed: the proxy subscribed. owed → sent: on its way. sent → gone: acknowledged or withheld. */
export type Follow = "awaited" | "owed" | "sent";

export class Generation {
  readonly number: number;
  /** What became true later is not for this generation. */
  readonly step: Step;
  readonly excused: ReadonlySet<ResourceType>;
  phase = 0;
  readonly sets: Readonly<Record<ResourceType, NameMap<Pinned>>> = perType(() => new NameMap());
  readonly removals: Readonly<Record<ResourceType, NameMap<Debt>>> = perType(() => new NameMap());
  /** Names that the proxy needs before what asked for them stops warming. */
  readonly follows: Readonly<Record<ResourceType, NameMap<Follow>>> = perType(() => new NameMap());

  constructor(number: number, step: Step, excused: ReadonlySet<ResourceType>) {
    this.number = number;
    this.step = step;
    this.excused = excused;
  }

  /** Whether the type's additions can still join. */
  takes(type: ResourceType): boolean {
    return this.phase <= phases.findIndex((phase) => phase.kind === "set" && phase.type === type);
  }

  oldest(): Step | undefined {
    let step: Step | undefined;
    for (const names of Object.values(this.sets))
      for (const pinned of names.samples()) step = older(step, pinned.debt.step);
    for (const names of Object.values(this.removals)) for (const debt of names.samples()) step = older(step, debt.step);
    return step;
  }
}
