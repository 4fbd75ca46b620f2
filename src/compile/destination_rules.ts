/**
 * Which DestinationRule holds for a service, for whom, and what it comes to on one port.
 *
 * Istio looks for a rule in the caller's namespace, then in the service's, then in the root namespace, and takes the
 * first place that has one; within a place an exact host goes before a wildcard, the longer wildcard before the
 * shorter, and rules for the same host are read as one, the older first.
 */
import type { Host, Namespace } from "../model/names.ts";
import { rootNamespace } from "../model/names.ts";
import type { DestinationRule, Subset, TrafficSettings } from "../model/traffic.ts";
import { byAge, bySpecificity, compare, covers, isPublic, isVisible } from "./hosts.ts";
import { filledSettings } from "./plain_words.ts";

/** The rule as callers of one view meet it. */
export interface EffectiveRule {
  readonly settings: TrafficSettings;
  readonly portSettings: Readonly<Record<number, TrafficSettings>>;
  readonly subsets: readonly Subset[];
  /** Holds wherever the rule says nothing. */
  readonly unsaid: TrafficSettings;
}

/** "": callers whose namespace has no say. */
export type View = Namespace | "";
export const meshView = "" as const;

const noRule = { settings: {}, portSettings: {}, subsets: [] };

/** @param rules every rule whose host covers the service's, in any order */
export function ruleFor(
  rules: readonly DestinationRule[],
  of: { readonly host: Host; readonly namespace: Namespace; readonly view: View; readonly unsaid: TrafficSettings },
): EffectiveRule {
  const { host, namespace, view, unsaid } = of;
  const seen = (rule: DestinationRule): boolean => (view ? isVisible(rule.exportTo, view) : isPublic(rule.exportTo));
  const places = [...(view && view !== rootNamespace ? [view] : []), namespace, rootNamespace];
  for (const place of places) {
    const here = rules.filter((rule) => rule.namespace === place && covers(rule.host, host) && seen(rule));
    const pattern = here.map((rule) => rule.host).sort(bySpecificity)[0];
    if (pattern !== undefined) return { ...asOne(here.filter((rule) => rule.host === pattern).sort(byAge)), unsaid };
  }
  return { ...noRule, unsaid };
}

/** Namespaces whose callers may meet another rule than the mesh does. */
export function viewsOf(rules: readonly DestinationRule[]): readonly Namespace[] {
  const named = rules.flatMap((rule) => [rule.namespace, ...rule.exportTo.filter((name) => name !== "*")]);
  return [...new Set(named)].sort(compare) as Namespace[];
}

/** All that a rule says: for all its host's callers, for a port, for a subset. */
export function settingsIn({ settings, portSettings, subsets }: DestinationRule): readonly TrafficSettings[] {
  const ofSubsets = subsets.flatMap((subset) => [subset.settings, ...Object.values(subset.portSettings)]);
  return [settings, ...Object.values(portSettings), ...ofSubsets];
}

/** What callers of a namespace meet. @param views as `viewsOf`. */
export function viewOf(namespace: Namespace, views: readonly Namespace[]): View {
  return views.includes(namespace) ? namespace : meshView;
}

function asOne(rules: readonly DestinationRule[]): Omit<EffectiveRule, "unsaid"> {
  const subsets = new Map<string, Subset>();
  for (const subset of rules.flatMap((rule) => rule.subsets)) {
    if (!subsets.has(subset.name)) subsets.set(subset.name, subset);
  }
  const speaking = rules.find(
    ({ settings, portSettings }) => Object.keys(settings).length > 0 || Object.keys(portSettings).length > 0,
  );
  return {
    settings: speaking?.settings ?? {},
    portSettings: speaking?.portSettings ?? {},
    subsets: [...subsets.values()],
  };
}

/**
 * Settings of one cluster. Those of a port stand instead of the rule's own, nothing inherited, as Istio documents; a
 * subset's stand over them field by field, of which loadBalancer is one; a subset's of a port instead of these. What is said
 * in plain words stands below all.
 */
export function settingsOf(rule: EffectiveRule, port: number, subset?: Subset): TrafficSettings {
  const wider = portSettings(rule.settings, rule.portSettings[port]);
  if (!subset) return filledSettings(wider, rule.unsaid);
  const narrowed = narrowedSettings(wider, subset.settings);
  return filledSettings(portSettings(narrowed, subset.portSettings[port]), rule.unsaid);
}

function narrowedSettings(wider: TrafficSettings, settings: TrafficSettings): TrafficSettings {
  if (!(settings.balancer || settings.locality || settings.warmup)) return { ...wider, ...settings };
  const { balancer: _balancer, locality: _locality, warmup: _warmup, ...rest } = wider;
  return { ...rest, ...settings };
}

/** What cannot be said of a port is as it was. */
function portSettings(wider: TrafficSettings, own: TrafficSettings | undefined): TrafficSettings {
  if (!own) return wider;
  const { proxyProtocol, retryBudget } = wider;
  return {
    ...own,
    ...(proxyProtocol === undefined ? {} : { proxyProtocol }),
    ...(retryBudget === undefined ? {} : { retryBudget }),
  };
}
