/** AuthorizationPolicy → model. */
import type { AuthorizationPolicy, AuthorizationRule, ValueMatch, ValueSet } from "../../model/policy.ts";
import type { AuthorizationPolicySpec } from "./authorization_policy.schema.ts";
import { type Owner, selectorOf } from "./shared.model.ts";
import { meshNamespace } from "./shared.rules.ts";

type RuleSpec = NonNullable<AuthorizationPolicySpec["rules"]>[number];
type Values = readonly string[] | undefined;

export function toAuthorizationPolicy(spec: AuthorizationPolicySpec, owner: Owner): AuthorizationPolicy {
  return {
    ...owner,
    ...selectorOf(spec.selector),
    action: spec.action === "DENY" ? "deny" : "allow",
    rules: (spec.rules ?? []).map(ruleOf),
  };
}

function ruleOf({ from, to }: RuleSpec): AuthorizationRule {
  return {
    from: (from ?? []).map(({ source }) => ({
      principals: valueSet(source.principals, source.notPrincipals),
      namespaces: valueSet(source.namespaces?.map(meshNamespace), source.notNamespaces?.map(meshNamespace)),
    })),
    to: (to ?? []).map(({ operation }) => ({
      hosts: valueSet(operation.hosts, operation.notHosts),
      ports: valueSet(operation.ports?.map(plainPort), operation.notPorts?.map(plainPort)),
      methods: valueSet(operation.methods, operation.notMethods),
      paths: valueSet(operation.paths, operation.notPaths),
    })),
  };
}

function valueSet(any: Values, none: Values): ValueSet {
  return { any: (any ?? []).map(valueMatch), none: (none ?? []).map(valueMatch) };
}

/** In Istio's order: a '*' in front decides before one at the end. */
function valueMatch(text: string): ValueMatch {
  if (text === "*") return { kind: "present" };
  if (text.startsWith("*")) return { kind: "suffix", value: text.slice(1) };
  if (text.endsWith("*")) return { kind: "prefix", value: text.slice(0, -1) };
  return { kind: "exact", value: text };
}

function plainPort(text: string): string {
  return String(Number(text));
}
