/**
 * AuthorizationPolicy → what one port of one workload admits. Pure.
 *
 * Ports are decided here, since a listener knows its own. A rule that reads HTTP (hosts, methods, paths) cannot be judged
 * on a TCP port: in a DENY policy that part is dropped, so that it refuses more; in an ALLOW policy it matches nothing,
 * so that it opens nothing.
 */
import { type Namespace, rootNamespace } from "../model/names.ts";
import type { AuthorizationPolicy, AuthorizationRule, OperationMatch, ValueMatch, ValueSet } from "../model/policy.ts";
import { hasLabels } from "./assignments.ts";
import { byAge } from "./hosts.ts";
import type { Access, AccessRule, RequestMatch } from "./ir.ts";

export interface AccessSubject {
  readonly namespace: Namespace;
  readonly labels: Readonly<Record<string, string>>;
}

/** What policies' `ports` mean: the application's port; a gateway's own PORT. */
export interface AccessPort {
  readonly number: number;
  readonly layer: "http" | "tcp";
}

/** The policies that select the workload, the older first. */
export function policiesFor(
  policies: readonly AuthorizationPolicy[],
  { namespace, labels }: AccessSubject,
): readonly AuthorizationPolicy[] {
  const selects = (policy: AuthorizationPolicy): boolean =>
    (policy.namespace === namespace || policy.namespace === rootNamespace) &&
    (policy.selector === undefined || hasLabels(labels, policy.selector.labels));
  return policies.filter(selects).sort(byAge);
}

/** @param policies those that select the workload; undefined: none of them says anything */
export function accessOf(policies: readonly AuthorizationPolicy[], port: AccessPort): Access | undefined {
  if (policies.length === 0) return undefined;
  const rulesOf = (action: AuthorizationPolicy["action"]): readonly AccessRule[] =>
    policies
      .filter((policy) => policy.action === action)
      .flatMap((policy) => policy.rules.flatMap((rule, index) => accessRule(policy, rule, index, port) ?? []));
  const deny = rulesOf("deny");
  const allow = policies.some(({ action }) => action === "allow") ? rulesOf("allow") : undefined;
  const operations = [...deny, ...(allow ?? [])].flatMap(({ to }) => to);
  const plainPathsOnly = operations.some(({ paths }) => constrains(paths));
  const plainHostsOnly = operations.some(({ hosts }) => constrains(hosts));
  return { deny, ...(allow ? { allow } : {}), plainPathsOnly, plainHostsOnly };
}

function accessRule(
  policy: AuthorizationPolicy,
  rule: AuthorizationRule,
  index: number,
  port: AccessPort,
): AccessRule | undefined {
  const name = `${policy.namespace}/${policy.name}/${index}`;
  const to = rule.to.flatMap((operation) => requestMatch(operation, policy.action, port) ?? []);
  // None of the operations can happen on this port; an empty list would match them all.
  if (rule.to.length > 0 && to.length === 0) return undefined;
  return { name, from: rule.from, to: to.some(isFree) ? [] : to };
}

function requestMatch(
  { hosts, methods, paths, ports }: OperationMatch,
  action: AuthorizationPolicy["action"],
  port: AccessPort,
): RequestMatch | undefined {
  if (!admits(ports, String(port.number))) return undefined;
  if (port.layer === "http") return { hosts, methods, paths };
  if (action === "allow" && [hosts, methods, paths].some(constrains)) return undefined;
  return { hosts: anything, methods: anything, paths: anything };
}

const anything: ValueSet = { any: [], none: [] };

function isFree({ hosts, methods, paths }: RequestMatch): boolean {
  return ![hosts, methods, paths].some(constrains);
}

export function constrains({ any, none }: ValueSet): boolean {
  return any.length > 0 || none.length > 0;
}

function admits({ any, none }: ValueSet, value: string): boolean {
  return (
    (any.length === 0 || any.some((match) => matches(match, value))) && !none.some((match) => matches(match, value))
  );
}

function matches(match: ValueMatch, value: string): boolean {
  if (match.kind === "present") return value !== "";
  if (match.kind === "exact") return value === match.value;
  return match.kind === "prefix" ? value.startsWith(match.value) : value.endsWith(match.value);
}
