/** What is asked of a DestinationRule's loadBalancer beyond its fields. */
import { placeLabels } from "../../model/traffic.ts";
import type { FieldPath } from "../document/node.ts";
import type { DestinationRuleSpec } from "./destination_rule.schema.ts";
import type { RuleContext } from "./kind.ts";
import { localityPattern, priorityLabel } from "./load_balancer.model.ts";
import { largestMaglev } from "./load_balancer.schema.ts";

type Settings = Pick<NonNullable<DestinationRuleSpec["trafficPolicy"]>, "loadBalancer" | "outlierDetection">;
type LoadBalancer = NonNullable<Settings["loadBalancer"]>;
type Locality = NonNullable<LoadBalancer["localityLbSetting"]>;

/** @param path of the policy that has it. */
export function loadBalancerRules({ loadBalancer }: Settings, path: FieldPath, context: RuleContext): void {
  if (!loadBalancer) return;
  const at = [...path, "loadBalancer"];
  hashRules(loadBalancer, at, context);
  localityRules(loadBalancer, [...at, "localityLbSetting"], context);
}

function hashRules(
  { consistentHash: hash, warmup, warmupDurationSecs }: LoadBalancer,
  path: FieldPath,
  { tell }: RuleContext,
): void {
  if (!hash) return;
  const at = [...path, "consistentHash"];
  if (hash.useSourceIp === false)
    tell([...at, "useSourceIp"], "MSH1323", "false is no key; write true, or another key");
  const { attributes = [], ttl } = hash.httpCookie ?? {};
  if (attributes.length > 0 && ttl === undefined) {
    tell([...at, "httpCookie", "attributes"], "MSH1324", "changes nothing without ttl: no cookie is given");
  }
  const size = hash.maglev?.tableSize ?? 0;
  if (size > 0 && !isPrime(size)) {
    tell([...at, "maglev", "tableSize"], "MSH1323", `${size} is no prime; ${primeFrom(size)} is`);
  }
  const field = warmup ? "warmup" : warmupDurationSecs === undefined ? undefined : "warmupDurationSecs";
  if (field) tell([...path, field], "MSH1324", "changes nothing beside consistentHash; leave it out");
}

function localityRules(
  { localityLbSetting: setting = {}, consistentHash }: LoadBalancer,
  path: FieldPath,
  { tell }: RuleContext,
): void {
  const { distribute = [], failover = [] } = setting;
  if (distribute.length > 0 && consistentHash) {
    tell([...path, "distribute"], "MSH1325", "shares and consistentHash both choose the endpoint; keep one of them");
  }
  for (const [index, { to }] of distribute.entries()) {
    const at = [...path, "distribute", index, "to"];
    const sum = Object.values(to).reduce((total, share) => total + share, 0);
    if (sum !== 100) tell(at, "MSH1325", `the shares add up to ${sum}; make them 100`);
    const names = Object.keys(to);
    for (const [place, name] of names.entries()) {
      const other = names.slice(0, place).find((earlier) => overlap(earlier, name));
      if (other !== undefined) tell([...at, name], "MSH1325", `${other} means some of the same; keep one of them`);
    }
  }
  const regions = new Set<string>();
  for (const [index, { from, to }] of failover.entries()) {
    const at = [...path, "failover", index];
    if (from === to) tell([...at, "to"], "MSH1325", `${to} is the region that it comes after; name another`);
    if (regions.has(from)) tell([...at, "from"], "MSH1325", `${from} has its successor above; keep one of them`);
    regions.add(from);
  }
  priorityRules(setting, path, { tell });
}

function priorityRules(
  { distribute = [], failover = [], failoverPriority = [] }: Locality,
  path: FieldPath,
  { tell }: Pick<RuleContext, "tell">,
): void {
  const field = [...path, "failoverPriority"];
  if (distribute.length > 0 && failoverPriority.length > 0) {
    tell(field, "MSH1325", "stands beside distribute, which gives shares to localities; keep one of them");
  }
  const labels = new Set<string>();
  for (const [index, label] of failoverPriority.entries()) {
    const { name } = priorityLabel(label);
    if (labels.has(name)) tell([...field, index], "MSH1325", `${name} stands above already; keep one of them`);
    labels.add(name);
    if (failover.length > 0 && isOfLocality(label)) {
      tell([...field, index], "MSH1325", `failover orders regions and zones already; leave it out, or ${label}`);
    }
  }
}

function isOfLocality(label: string): boolean {
  return label === placeLabels.region || label === placeLabels.zone;
}

/** Some locality is meant by both. */
function overlap(left: string, right: string): boolean {
  const [a, b] = [localityPattern(left), localityPattern(right)];
  const meet = (one: string | undefined, other: string | undefined): boolean =>
    one === undefined || other === undefined || one === other;
  return meet(a.region, b.region) && meet(a.zone, b.zone);
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
