/** What is asked of a WorkloadEntry beyond its fields. */
import type { FieldPath } from "../document/node.ts";
import type { RuleContext } from "./kind.ts";
import { saysMtls } from "./workload_entry.model.ts";
import type { WorkloadEntrySpec } from "./workload_entry.schema.ts";

export function workloadEntryRules(spec: WorkloadEntrySpec, context: RuleContext): void {
  identityRules(spec, ["spec"], context);
}

/** @param path of the endpoint. */
export function identityRules(
  { labels, serviceAccount }: WorkloadEntrySpec,
  path: FieldPath,
  { tell }: Pick<RuleContext, "tell">,
): void {
  if (serviceAccount !== undefined || saysMtls(labels) !== true) return;
  tell(path, "MSH1504", "says by its label that it takes mTLS, so it needs `serviceAccount`: its identity is checked");
}
