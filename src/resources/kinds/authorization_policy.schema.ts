/**
 * AuthorizationPolicy: who may ask what of a workload. A condition that is not supported yet is refused, never ignored:
 * to ignore it would open an ALLOW or widen a DENY.
 */
import type { FormatName } from "../schema/format.ts";
import { choice, type Infer, list, object, required, string, unsupported } from "../schema/type.ts";
import { targetRefs, workloadSelector } from "./shared.ts";

const values = (description: string, format: FormatName = "policyValue") =>
  list({ description, minItems: 1, items: string({ description: "VALUE, PREFIX*, *SUFFIX, or *.", format }) });

const source = object({
  description: "Who asks; all of these must hold, each list by any of its values.",
  notEmpty: true,
  fields: {
    principals: values("Identities, as TRUST-DOMAIN/ns/NAMESPACE/sa/ACCOUNT. Needs mTLS."),
    notPrincipals: values("Identities that it is not for."),
    namespaces: values("Namespaces of the callers. Needs mTLS."),
    notNamespaces: values("Namespaces that it is not for."),
    requestPrincipals: unsupported("Identities from a JWT."),
    notRequestPrincipals: unsupported("Identities from a JWT that it is not for."),
    serviceAccounts: unsupported("Service accounts of the callers."),
    notServiceAccounts: unsupported("Service accounts that it is not for."),
    ipBlocks: unsupported("Addresses of the callers."),
    notIpBlocks: unsupported("Addresses that it is not for."),
    remoteIpBlocks: unsupported("Addresses of the callers as X-Forwarded-For says."),
    notRemoteIpBlocks: unsupported("Such addresses that it is not for."),
  },
});

const operation = object({
  description: "What is asked; all of these must hold, each list by any of its values.",
  notEmpty: true,
  fields: {
    hosts: values("Hosts, in any case."),
    notHosts: values("Hosts that it is not for."),
    ports: values("Ports of the application, in quotes.", "policyPort"),
    notPorts: values("Ports that it is not for.", "policyPort"),
    methods: values("Methods; for gRPC always POST."),
    notMethods: values("Methods that it is not for."),
    paths: values("Paths, normalized, without their query.", "policyPath"),
    notPaths: values("Paths that it is not for.", "policyPath"),
  },
});

export const authorizationPolicySchema = object({
  description:
    "Who may ask what of workloads. A request that a DENY matches is refused; else, if there is an ALLOW for the workload, one must match.",
  fields: {
    selector: workloadSelector,
    ...targetRefs,
    action: choice({
      description: "What becomes of a request that a rule matches.",
      default: "ALLOW",
      values: { ALLOW: "It is let through.", DENY: "It is refused." },
      unsupportedValues: { AUDIT: "It is logged.", CUSTOM: "Another service is asked." },
    }),
    rules: list({
      description: "Any of them must match. None at all matches nothing; an empty rule, {}, matches everything.",
      default: "none: an ALLOW without rules refuses everything",
      items: object({
        description: "It matches when any `from` and any `to` does.",
        fields: {
          from: list({
            description: "Who asks.",
            default: "everybody",
            minItems: 1,
            items: object({ description: "One kind of caller.", fields: { source: required(source) } }),
          }),
          to: list({
            description: "What is asked.",
            default: "everything",
            minItems: 1,
            items: object({ description: "One kind of request.", fields: { operation: required(operation) } }),
          }),
          when: unsupported("Further conditions."),
        },
      }),
    }),
    provider: unsupported("The service that CUSTOM asks."),
  },
});

export type AuthorizationPolicySpec = Infer<typeof authorizationPolicySchema>;
