/**
 * Which DestinationRule holds for a service, for whom, and what it comes to on one port.
 *
 * Istio looks for a rule in the caller's namespace, then in the service's, then in the root namespace, and takes the
 * first place that has one; within a place an exact host goes before a wildcard, the longer wildcard before the
 * shorter, and rules for the same host are read as one, the older first.
 */
import { covers } from "../model/host_pattern.ts";
import type { Host, Namespace } from "../model/names.ts";
import { rootNamespace } from "../model/names.ts";
import type { DestinationRule, Subset, TrafficSettings } from "../model/traffic.ts";
import { isPublic, isVisible } from "../model/visibility.ts";
import { byAge, bySpecificity, compare } from "./hosts.ts";
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

export interface RuleSubject {
  readonly host: Host;
  /** The destination's. */
  readonly namespace: Namespace;
  /** Of the callers. */
  readonly view: View;
}

/** @param rules every rule whose host covers the service's, in any order */
export function ruleFor(
  rules: readonly DestinationRule[],
  { unsaid, ...of }: RuleSubject & { readonly unsaid: TrafficSettings },
): EffectiveRule {
  return { ...asOne(rulesFor(rules, of)), unsaid };
}

/** Those that hold and are read as one, the older first. @param rules as `ruleFor`'s */
export function rulesFor(
  rules: readonly DestinationRule[],
  { host, namespace, view }: RuleSubject,
): readonly DestinationRule[] {
  const seen = (rule: DestinationRule): boolean => (view ? isVisible(rule.exportTo, view) : isPublic(rule.exportTo));
  const places = [...(view && view !== rootNamespace ? [view] : []), namespace, rootNamespace];
  for (const place of places) {
    const here = rules.filter((rule) => rule.namespace === place && covers(rule.host, host) && seen(rule));
    const pattern = here.map((rule) => rule.host).sort(bySpecificity)[0];
    if (pattern !== undefined) return here.filter((rule) => rule.host === pattern).sort(byAge);
  }
  return [];
}

/** Namespaces whose callers may meet another rule than the mesh does. */
export function viewsOf(rules: readonly DestinationRule[]): readonly Namespace[] {
  const named = rules.flatMap((rule) => [rule.namespace, ...rule.exportTo.filter((name) => name !== "*")]);
  return [...new Set(named)].sort(compare) as Namespace[];
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
  const speaking = speakerOf(rules);
  return {
    settings: speaking?.settings ?? {},
    portSettings: speaking?.portSettings ?? {},
    subsets: [...subsets.values()],
  };
}

/** Of rules that are read as one, the one that speaks for the host as a whole. */
export function speakerOf(rules: readonly DestinationRule[]): DestinationRule | undefined {
  return rules.find(
    ({ settings, portSettings }) => Object.keys(settings).length > 0 || Object.keys(portSettings).length > 0,
  );
}

/**
 * Settings of one cluster. Those of a port stand instead of the rule's own, nothing inherited, as Istio documents; a
 * subset's stand over them field by field, of which loadBalancer is one; a subset's of a port instead of these. What is said
 * in plain words stands below all.
 */
export function settingsOf(rule: EffectiveRule, port: number, subset?: Subset): TrafficSettings {
  return filledSettings(ruleSettings(rule, port, subset), rule.unsaid);
}

/** Without plain words. */
export function ruleSettings(
  rule: Pick<EffectiveRule, "settings" | "portSettings">,
  port: number,
  subset?: Subset,
): TrafficSettings {
  const wider = portSettings(rule.settings, rule.portSettings[port]);
  return subset ? portSettings(narrowedSettings(wider, subset.settings), subset.portSettings[port]) : wider;
}

/** @param settings a subset's */
function narrowedSettings(wider: TrafficSettings, settings: TrafficSettings): TrafficSettings {
  if (!(settings.balancer || settings.locality || settings.warmup)) return { ...wider, ...settings };
  const { balancer: _balancer, locality: _locality, warmup: _warmup, ...rest } = wider;
  return { ...rest, ...settings };
}

/** What cannot be said of a port is as it was. */
export function portSettings(wider: TrafficSettings, own: TrafficSettings | undefined): TrafficSettings {
  if (!own) return wider;
  const { proxyProtocol, retryBudget } = wider;
  return {
    ...own,
    ...(proxyProtocol === undefined ? {} : { proxyProtocol }),
    ...(retryBudget === undefined ? {} : { retryBudget }),
  };
}
