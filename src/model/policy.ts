/** Security policies after parsing. */
import type { Namespace } from "./names.ts";

/** Which workloads: those of the namespace (every one, in the root namespace) whose labels include these. */
export interface Selector {
  readonly labels: Readonly<Record<string, string>>;
}

export type MutualTlsMode = "permissive" | "strict" | "disable";

export interface PeerAuthentication {
  readonly namespace: Namespace;
  readonly name: string;
  /** Absent: the whole namespace, or the mesh when the namespace is the root. */
  readonly selector?: Selector;
  /** Absent is UNSET: inherit. */
  readonly mode?: MutualTlsMode;
  /** By application port; only with a selector. */
  readonly portModes: Readonly<Record<number, MutualTlsMode>>;
  readonly createdAt: number;
}

/**
 * Istio's value match: exact, "prefix*", "*suffix", or "*" for "present". Kept parsed, so that a wildcard in the
 * middle cannot slip in as a literal.
 */
export type ValueMatch =
  | { readonly kind: "exact"; readonly value: string }
  | { readonly kind: "prefix"; readonly value: string }
  | { readonly kind: "suffix"; readonly value: string }
  | { readonly kind: "present" };

/** One list of alternatives and what is excluded. Empty `any` means: not constrained. */
export interface ValueSet {
  readonly any: readonly ValueMatch[];
  readonly none: readonly ValueMatch[];
}

export interface SourceMatch {
  /** SPIFFE IDs without the scheme: cluster.local/ns/default/sa/x */
  readonly principals: ValueSet;
  readonly namespaces: ValueSet;
}

export interface OperationMatch {
  readonly hosts: ValueSet;
  /** Application port numbers. */
  readonly ports: ValueSet;
  readonly methods: ValueSet;
  readonly paths: ValueSet;
}

/** From any of `from` AND to any of `to`; an empty list does not constrain. */
export interface AuthorizationRule {
  readonly from: readonly SourceMatch[];
  readonly to: readonly OperationMatch[];
}

export interface AuthorizationPolicy {
  readonly namespace: Namespace;
  readonly name: string;
  readonly selector?: Selector;
  readonly action: "allow" | "deny";
  /** Empty: matches nothing (so an ALLOW policy with none denies everything). */
  readonly rules: readonly AuthorizationRule[];
  readonly createdAt: number;
}
