/**
 * Which of a workload's traffic is logged: Telemetry, resolved. The mesh's, then the namespace's, then the workload's: what
 * the narrower one says of a side replaces what the wider one does, but only `disabled: false` undoes `disabled: true`.
 * At each level the oldest counts. Nothing said anywhere: no log. Pure.
 */
import { type Namespace, rootNamespace } from "../model/names.ts";
import type { Telemetry, TrafficSide } from "../model/telemetry.ts";
import { hasLabels } from "./assignments.ts";
import { byAge } from "./hosts.ts";
import type { Item, ListenerItem } from "./ir.ts";

export type LoggedSides = readonly TrafficSide[];

/** @param telemetries at least those of the workload's namespace and of the root namespace */
export function loggedSides(
  telemetries: readonly Telemetry[],
  { namespace, labels }: { readonly namespace: Namespace; readonly labels: Readonly<Record<string, string>> },
): LoggedSides {
  const oldest = (of: (telemetry: Telemetry) => boolean): readonly Telemetry[] =>
    telemetries.filter(of).sort(byAge).slice(0, 1);
  const levels = [
    ...oldest((one) => one.namespace === rootNamespace && !one.selector),
    ...oldest((one) => one.namespace === namespace && namespace !== rootNamespace && !one.selector),
    ...oldest(
      (one) => one.namespace === namespace && one.selector !== undefined && hasLabels(labels, one.selector.labels),
    ),
  ];
  return (["client", "server"] as const).filter((side) => isLogged(levels, side));
}

/** @param levels the widest first */
function isLogged(levels: readonly Telemetry[], side: TrafficSide): boolean {
  let disabled: boolean | undefined;
  for (const { accessLogging } of levels) {
    const said = accessLogging.findLast(({ sides }) => sides.includes(side));
    if (said) disabled = said.disabled ?? disabled ?? false;
  }
  return disabled === false;
}

/** The workload's own items, those of logged sides told to log. */
export function withAccessLog<T extends Item>(
  items: readonly T[],
  { logged, sideOf }: { readonly logged: LoggedSides; readonly sideOf: (listener: ListenerItem) => TrafficSide },
): readonly Item[] {
  if (logged.length === 0) return items;
  return items.map((item) => (item.type === "listener" && logged.includes(sideOf(item)) ? logging(item) : item));
}

function logging(listener: ListenerItem): ListenerItem {
  const chains = listener.chains.map((chain) => ({
    ...chain,
    handler: { ...chain.handler, accessLog: true as const },
  }));
  return { ...listener, chains };
}
