/**
 * Access rules → envoy.config.rbac.v3.RBAC. Names are literal: an exact value is compared, and where an expression is
 * needed everything that came from a user is quoted. A peer is who its certificate's URI SAN says; a connection without
 * one has no principal, so it matches no `principals` and every `notPrincipals`, as Istio has it.
 */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  type PermissionSchema,
  type PolicySchema,
  type PrincipalSchema,
  type RBAC,
  RBAC_Action,
  RBACSchema,
} from "#envoy/envoy/config/rbac/v3/rbac_pb.js";
import type { Access, AccessRule, RequestMatch } from "../compile/ir.ts";
import type { SourceMatch, ValueMatch, ValueSet } from "../model/policy.ts";
import { literal, regexMatcher, type StringMatcherInit, stringMatcher, valueMatcher } from "./matchers.ts";

type Permission = MessageInitShape<typeof PermissionSchema>;
type Principal = MessageInitShape<typeof PrincipalSchema>;
type Policy = MessageInitShape<typeof PolicySchema>;

/**
 * Paths that applications read in more than one way: repeated or escaped slashes, backslashes, empty and dot segments
 * with a parameter. Where a policy reads paths they are refused; dot segments alone are resolved before any policy is
 * asked.
 */
const ambiguousPath = "(?i).*(//|\\\\|%2f|%5c|/(\\.|%2e){0,2}(;|%3b)).*";

/**
 * A Host that everybody reads alike: a name or an address, and a port. Envoy joins a Host sent twice with a comma and
 * takes `user@name`, `name%2ecom` and `name:http` as they are; where a policy reads hosts those are refused.
 */
const plainHost = "(\\[[0-9A-Fa-f:.]+\\]|[0-9A-Za-z_-]+(\\.[0-9A-Za-z_-]+)*\\.?)(:[0-9]*)?";

/** Undefined: nothing is denied. */
export function denyRules(access: Access): RBAC | undefined {
  const policies = [...guards(access), ...access.deny.map(named)];
  return policies.length === 0 ? undefined : rules(RBAC_Action.DENY, policies);
}

function guards({ plainPathsOnly, plainHostsOnly }: Access): readonly [string, Policy][] {
  const guard = (name: string, refused: Permission): [string, Policy] => [
    name,
    { permissions: [refused], principals: [anybody] },
  ];
  const notPlain: Permission = { rule: { case: "notRule", value: header(":authority", regexMatcher(plainHost)) } };
  return [
    ...(plainPathsOnly ? [guard("ambiguous-path", path(regexMatcher(ambiguousPath)))] : []),
    ...(plainHostsOnly ? [guard("ambiguous-host", notPlain)] : []),
  ];
}

/** Undefined: no ALLOW policy speaks. */
export function allowRules({ allow }: Access): RBAC | undefined {
  return allow ? rules(RBAC_Action.ALLOW, allow.map(named)) : undefined;
}

function rules(action: RBAC_Action, policies: readonly (readonly [string, Policy])[]): RBAC {
  const sorted = [...policies].sort(([a], [b]) => (a < b ? -1 : Number(a > b)));
  return create(RBACSchema, { action, policies: Object.fromEntries(sorted) });
}

function named({ name, from, to }: AccessRule): [string, Policy] {
  return [
    name,
    {
      permissions: to.length === 0 ? [anything] : to.map(permission),
      principals: from.length === 0 ? [anybody] : from.map(principal),
    },
  ];
}

const anything: Permission = { rule: { case: "any", value: true } };
const anybody: Principal = { identifier: { case: "any", value: true } };

function permission({ hosts, methods, paths }: RequestMatch): Permission {
  const parts = [
    ...permissionsOf(hosts, host),
    ...permissionsOf(methods, (match) => header(":method", valueMatcher(match))),
    ...permissionsOf(paths, (match) => path(valueMatcher(match))),
  ];
  return parts.length === 0 ? anything : allOf(parts);
}

function permissionsOf({ any, none }: ValueSet, one: (match: ValueMatch) => Permission): readonly Permission[] {
  return [
    ...(any.length > 0 ? [anyOf(any.map(one))] : []),
    ...(none.length > 0 ? [{ rule: { case: "notRule", value: anyOf(none.map(one)) } } as const] : []),
  ];
}

const anyOf = (of: Permission[]): Permission => ({ rule: { case: "orRules", value: { rules: of } } });
const allOf = (of: Permission[]): Permission => ({ rule: { case: "andRules", value: { rules: of } } });

function header(name: string, matcher: StringMatcherInit): Permission {
  return {
    rule: { case: "header", value: { name, headerMatchSpecifier: { case: "stringMatch", value: matcher } } },
  };
}

/** Without the query, dot segments resolved. */
function path(matcher: StringMatcherInit): Permission {
  return { rule: { case: "urlPath", value: { rule: { case: "path", value: matcher } } } };
}

/** Whatever its case, and with or without a final dot and a port: it reaches the same application. */
function host(match: ValueMatch): Permission {
  const name = ":authority";
  if (match.kind === "present") return header(name, regexMatcher(".+"));
  if (match.kind === "prefix") return header(name, stringMatcher("prefix", match.value, true));
  const wild = match.kind === "suffix" ? ".*" : "";
  const [, hostOnly = match.value, port] = /^(.*?)(:\d+)?$/.exec(match.value) ?? [];
  return header(name, regexMatcher(`(?i)${wild}${literal(hostOnly)}\\.?${port ?? "(:[0-9]*)?"}`));
}

function principal({ principals, namespaces }: SourceMatch): Principal {
  const parts = [...principalsOf(principals, spiffeMatcher), ...principalsOf(namespaces, namespaceMatcher)];
  return parts.length === 0 ? anybody : { identifier: { case: "andIds", value: { ids: parts } } };
}

function principalsOf(set: ValueSet, matcher: (match: ValueMatch) => StringMatcherInit): Principal[] {
  const some = (matches: readonly ValueMatch[]): Principal => ({
    identifier: {
      case: "orIds",
      value: {
        ids: matches.map((match) => ({
          identifier: { case: "authenticated", value: { principalName: matcher(match) } },
        })),
      },
    },
  });
  return [
    ...(set.any.length > 0 ? [some(set.any)] : []),
    ...(set.none.length > 0 ? [{ identifier: { case: "notId", value: some(set.none) } } as const] : []),
  ];
}

/** A principal is a SPIFFE ID without its scheme. */
function spiffeMatcher(match: ValueMatch): StringMatcherInit {
  switch (match.kind) {
    case "present":
      return regexMatcher("spiffe://.+");
    case "suffix":
      return regexMatcher(`spiffe://.*${literal(match.value)}`);
    case "exact":
    case "prefix":
      return stringMatcher(match.kind, `spiffe://${match.value}`);
  }
}

/** The namespace stands in the ID: spiffe://TD/ns/NS/sa/SA */
function namespaceMatcher(match: ValueMatch): StringMatcherInit {
  const rest = "[^/]*";
  const name = match.kind === "present" ? "[^/]+" : literal(match.value);
  const namespace = `${match.kind === "suffix" ? rest : ""}${name}${match.kind === "prefix" ? rest : ""}`;
  return regexMatcher(`spiffe://[^/]+/ns/${namespace}/sa/.+`);
}
