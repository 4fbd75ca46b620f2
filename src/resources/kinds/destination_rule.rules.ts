/** What is asked of a DestinationRule beyond its fields. */
import type { FieldPath } from "../document/node.ts";
import { clientTlsRules } from "./client_tls.rules.ts";
import type { DestinationRuleSpec } from "./destination_rule.schema.ts";
import type { RuleContext } from "./kind.ts";
import { loadBalancerRules } from "./load_balancer.rules.ts";
import { exportToRules } from "./shared.rules.ts";

type Policy = NonNullable<DestinationRuleSpec["trafficPolicy"]>;

export function destinationRuleRules(spec: DestinationRuleSpec, context: RuleContext): void {
  const { tell } = context;
  exportToRules(spec.exportTo, context);
  policyRules(spec.trafficPolicy, ["spec", "trafficPolicy"], context);
  failoverRules(spec.trafficPolicy, ["spec", "trafficPolicy"], context);
  const names = new Set<string>();
  for (const [index, subset] of (spec.subsets ?? []).entries()) {
    const path = ["spec", "subsets", index];
    if (names.has(subset.name)) tell([...path, "name"], "MSH1306", `a second subset is named ${subset.name}`);
    names.add(subset.name);
    policyRules(subset.trafficPolicy, [...path, "trafficPolicy"], context);
  }
}

function policyRules(policy: Policy | undefined, path: FieldPath, context: RuleContext): void {
  const { tell } = context;
  if (policy) {
    loadBalancerRules(policy, path, context);
    clientTlsRules(policy, path, context);
  }
  const ports = new Set<number>();
  for (const [index, settings] of (policy?.portLevelSettings ?? []).entries()) {
    const at = [...path, "portLevelSettings", index];
    const { number } = settings.port;
    if (ports.has(number)) tell([...at, "port"], "MSH1306", `port ${number} has settings twice`);
    ports.add(number);
    loadBalancerRules(settings, at, context);
    clientTlsRules(settings, at, context);
    const { port: _, ...set } = settings;
    if (Object.keys(set).length === 0) {
      tell(at, "MSH1210", "sets nothing for the port; it takes loadBalancer, connectionPool, outlierDetection, tls");
    }
  }
}

/** Of what subsets do not add to. */
function failoverRules(policy: Policy | undefined, path: FieldPath, { tell }: RuleContext): void {
  const ports = policy?.portLevelSettings ?? [];
  const all = [
    { settings: policy, at: path },
    ...ports.map((settings, index) => ({ settings, at: [...path, "portLevelSettings", index] })),
  ];
  for (const { settings, at } of all) {
    const locality = settings?.loadBalancer?.localityLbSetting;
    if (!locality || locality.enabled === false || locality.distribute || settings?.outlierDetection) continue;
    tell(
      [...at, "loadBalancer", "localityLbSetting"],
      "MSH1324",
      "changes nothing without outlierDetection; add it, or a CircuitBreaker",
    );
  }
}
