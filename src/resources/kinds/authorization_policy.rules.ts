/** What is asked of an AuthorizationPolicy beyond its fields. */
import { istioRootNamespace, rootNamespace } from "../../model/names.ts";
import type { FieldPath } from "../document/node.ts";
import type { AuthorizationPolicySpec } from "./authorization_policy.schema.ts";
import type { RuleContext } from "./kind.ts";
import { selectorRules, tellRootNamespace } from "./shared.rules.ts";

type Rule = NonNullable<AuthorizationPolicySpec["rules"]>[number];
type Source = NonNullable<Rule["from"]>[number]["source"];
type Operation = NonNullable<Rule["to"]>[number]["operation"];

export function authorizationPolicyRules(spec: AuthorizationPolicySpec, context: RuleContext): void {
  const { tell } = context;
  selectorRules(spec.selector, context);
  const denies = spec.action === "DENY";
  if (denies && spec.rules === undefined) {
    tell(["spec"], "MSH1308", "a DENY without rules never applies; add rules, `- {}` refuses everything");
  }
  for (const [index, rule] of (spec.rules ?? []).entries()) {
    const path = ["spec", "rules", index];
    for (const [at, { source }] of (rule.from ?? []).entries())
      sourceRules(source, [...path, "from", at, "source"], context);
    for (const [at, { operation }] of (rule.to ?? []).entries()) {
      operationRules(operation, [...path, "to", at, "operation"], context);
    }
    const onlyHttp = (rule.to ?? []).some(({ operation: { ports, notPorts } }) => !ports?.length && !notPorts?.length);
    if (denies && onlyHttp) {
      tell(
        path,
        "MSH1310",
        "also denies everything on the workload's TCP ports, for which HTTP attributes are unknown",
      );
    }
  }
}

function sourceRules(source: Source, path: FieldPath, context: RuleContext): void {
  for (const [field, values] of lists(source)) {
    for (const [index, value] of values.entries()) {
      const at = [...path, field, index];
      wildcardRule(value, at, context);
      if (field === "namespaces" || field === "notNamespaces") tellRootNamespace(at, value, context);
      else principalRules(value, at, context);
    }
  }
}

function principalRules(value: string, path: FieldPath, { tell }: RuleContext): void {
  if (value.startsWith("spiffe://")) {
    tell(path, "MSH1313", `never matches with spiffe:// before it; write ${value.slice("spiffe://".length)}`);
  }
  const root = `/ns/${istioRootNamespace}/`;
  if (value.includes(root)) {
    tell(path, "MSH1313", `matches nothing of this mesh, whose root namespace is ${rootNamespace}`);
  }
}

function operationRules(operation: Operation, path: FieldPath, context: RuleContext): void {
  for (const [field, values] of lists(operation)) {
    for (const [index, value] of values.entries()) {
      const at = [...path, field, index];
      wildcardRule(value, at, context);
      if ((field === "methods" || field === "notMethods") && value !== value.toUpperCase()) {
        context.tell(at, "MSH1313", `never matches; methods are upper case: ${value.toUpperCase()}`);
      }
    }
  }
}

function wildcardRule(value: string, path: FieldPath, { tell }: RuleContext): void {
  const inner = value.startsWith("*") ? value.slice(1) : value.endsWith("*") ? value.slice(0, -1) : value;
  if (inner.includes("*")) {
    tell(
      path,
      "MSH1312",
      "only a '*' at its beginning, or else at its end, stands for anything; the others are characters",
    );
  }
}

/** The set lists of a source or operation, by field. */
function lists(of: Source | Operation): readonly (readonly [string, readonly string[]])[] {
  return Object.entries(of).flatMap(([field, values]: [string, readonly string[] | undefined]) =>
    values ? [[field, values] as const] : [],
  );
}
