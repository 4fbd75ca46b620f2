/** Parts that several kinds' schemas have. */
import { list, map, object, string, unsupported } from "../schema/type.ts";

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

/** Of policies: which they are attached to by reference. */
export const targetRefs = {
  targetRef: unsupported("Attaches the policy to one object by reference."),
  targetRefs: unsupported("Attaches the policy to objects by reference."),
};
