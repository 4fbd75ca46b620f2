/** What is asked of a DestinationRule beyond its fields. */
import type { FieldPath } from "../document/node.ts";
import type { DestinationRuleSpec } from "./destination_rule.schema.ts";
import type { RuleContext } from "./kind.ts";
import { largestMaglev } from "./load_balancer.schema.ts";
import { exportToRules } from "./shared.rules.ts";

type Policy = NonNullable<DestinationRuleSpec["trafficPolicy"]>;
type Settings = Pick<Policy, "loadBalancer">;

export function destinationRuleRules(spec: DestinationRuleSpec, context: RuleContext): void {
  const { tell } = context;
  exportToRules(spec.exportTo, context);
  policyRules(spec.trafficPolicy, ["spec", "trafficPolicy"], context);
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
  if (policy) settingsRules(policy, path, context);
  const ports = new Set<number>();
  for (const [index, settings] of (policy?.portLevelSettings ?? []).entries()) {
    const at = [...path, "portLevelSettings", index];
    const { number } = settings.port;
    if (ports.has(number)) tell([...at, "port"], "MSH1306", `port ${number} has settings twice`);
    ports.add(number);
    settingsRules(settings, at, context);
    const { port: _, ...set } = settings;
    if (Object.keys(set).length === 0) {
      tell(at, "MSH1210", "sets nothing for the port; it takes loadBalancer, connectionPool, outlierDetection, tls");
    }
  }
}

function settingsRules({ loadBalancer }: Settings, path: FieldPath, { tell }: RuleContext): void {
  const { consistentHash: hash, warmup, warmupDurationSecs } = loadBalancer ?? {};
  if (!hash) return;
  const at = [...path, "loadBalancer", "consistentHash"];
  if (hash.useSourceIp === false)
    tell([...at, "useSourceIp"], "MSH1323", "false is no key; write true, or another key");
  const size = hash.maglev?.tableSize ?? 0;
  if (size > 0 && !isPrime(size)) {
    tell([...at, "maglev", "tableSize"], "MSH1323", `${size} is no prime; ${primeFrom(size)} is`);
  }
  const field = warmup ? "warmup" : warmupDurationSecs === undefined ? undefined : "warmupDurationSecs";
  if (field) tell([...path, "loadBalancer", field], "MSH1324", "changes nothing beside consistentHash; leave it out");
}

/** The next one, or the last that is taken. */
function primeFrom(size: number): number {
  for (let candidate = size; candidate <= largestMaglev; candidate++) if (isPrime(candidate)) return candidate;
  return largestMaglev;
}

function isPrime(size: number): boolean {
  for (let factor = 2; factor * factor <= size; factor++) if (size % factor === 0) return false;
  return size > 1;
}
