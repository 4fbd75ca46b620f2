/** Parts that several kinds' schemas have. */
import { integer, list, map, object, required, string, unsupported } from "../schema/type.ts";

export const labels = (description: string) =>
  map({ description, keys: "labelKey", values: string({ description: "Its value.", format: "labelValue" }) });

export const workloadSelector = object({
  description: "Which workloads of the namespace (in the root namespace: of every namespace) it is for.",
  default: "all of them",
  fields: { matchLabels: labels("Labels that a workload must have, all of them.") },
});

export const exportTo = list({
  description: "Namespaces whose workloads and gateways see it: '.' is its own, '*' all.",
  default: '["*"]',
  items: string({ description: "A namespace, '.' or '*'.", format: "exportTo" }),
});

/** Of kinds in plain words. */
export const ownService = required(
  string({ description: "The service that it is for, of the object's own namespace.", format: "serviceHost" }),
);

/** Of kinds in plain words: as a number, or in quotes. */
export const plainCount = (
  description: string,
  otherwise: string,
  { min = 1, max = 2_147_483_647 }: { readonly min?: number; readonly max?: number } = {},
) => integer({ description, default: otherwise, min, max, quotable: true });

/** Limits under which a service's callers stop asking. */
export const breakerLimits = {
  max_connections: plainCount("Open connections to the service, of one caller's proxy.", "no limit"),
  max_pending_requests: plainCount("Requests that wait for a connection; more are answered with 503.", "no limit"),
  max_requests: plainCount("Open requests; more are answered with 503.", "no limit"),
  max_retries: plainCount("Retries under way at a time.", "no limit", { min: 0 }),
};

/** Of policies: which they are attached to by reference. */
export const targetRefs = {
  targetRef: unsupported("Attaches the policy to one object by reference."),
  targetRefs: unsupported("Attaches the policy to objects by reference."),
};
