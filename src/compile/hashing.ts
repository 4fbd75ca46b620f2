/**
 * Consistent hashing, seen from the routes: Envoy hashes where it routes, so a route must know by what the
 * DestinationRules of the destinations that it leads to hash. Pure; called by derive.ts and routes.ts.
 */
import type { Host, Namespace } from "../model/names.ts";
import { type DestinationRule, type HashKey, settingsIn, type TrafficSettings } from "../model/traffic.ts";
import { type EffectiveRule, meshView, settingsOf, type View } from "./destination_rules.ts";
import { same } from "./same.ts";

/** What routes read of a destination's rules. */
export interface Hashing {
  readonly mesh: EffectiveRule;
  /** Of namespaces whose callers meet another rule or destination, and hash otherwise. */
  readonly others: readonly { readonly view: Namespace; readonly rule: EffectiveRule }[];
}

/** By what a caller hashes requests for a destination's port; undefined: by nothing. */
export type HashOf = (destination: {
  readonly host: Host;
  readonly port: number;
  readonly subset?: string;
}) => HashKey | undefined;

/** @param ruleFor what callers of a view meet; undefined: nothing that could hash. @returns undefined: no rule hashes. */
export function hashingOf(
  rules: readonly DestinationRule[],
  views: readonly Namespace[],
  ruleFor: (view: View) => EffectiveRule | undefined,
): Hashing | undefined {
  if (!rules.some(hashes)) return undefined;
  const mesh = balancingOnly(ruleFor(meshView));
  const all = views.map((view) => ({ view, rule: balancingOnly(ruleFor(view)) }));
  return { mesh, others: all.filter(({ rule }) => !same(rule, mesh)) };
}

export function hashKeyOf(
  { mesh, others }: Hashing,
  view: View,
  { port, subset }: { readonly port: number; readonly subset?: string },
): HashKey | undefined {
  const rule = others.find((other) => other.view === view)?.rule ?? mesh;
  const { balancer } = settingsOf(
    rule,
    port,
    rule.subsets.find(({ name }) => name === subset),
  );
  return typeof balancer === "object" ? balancer.key : undefined;
}

function hashes(rule: DestinationRule): boolean {
  return settingsIn(rule).some(({ balancer }) => typeof balancer === "object");
}

/** A subset's loadBalancer stands for the rule's as a whole, also where it says nothing of the balancer: it hashes no more. */
function only({ balancer, locality, warmup }: TrafficSettings): TrafficSettings {
  if (balancer !== undefined) return { balancer };
  return locality || warmup ? { balancer: "least-request" } : {};
}

function onlyOf(ports: EffectiveRule["portSettings"]): EffectiveRule["portSettings"] {
  return Object.fromEntries(Object.entries(ports).map(([port, one]) => [port, only(one)]));
}

/** A change of anything else is none for the routes; what is said in plain words never hashes, and what hashes goes before. */
function balancingOnly(rule: EffectiveRule | undefined): EffectiveRule {
  const { settings = {}, portSettings = {}, subsets = [] } = rule ?? {};
  return {
    settings: only(settings),
    portSettings: onlyOf(portSettings),
    subsets: subsets.map(({ name, settings: own, portSettings: ports }) => ({
      name,
      labels: {},
      settings: only(own),
      portSettings: onlyOf(ports),
    })),
    unsaid: {},
  };
}
