/** What is asked of a Sidecar beyond its fields. */
import { rootNamespace } from "../../model/names.ts";
import type { RuleContext } from "./kind.ts";
import { labelsRules, tellRootNamespace } from "./shared.rules.ts";
import type { SidecarSpec } from "./sidecar.schema.ts";

export function sidecarRules(spec: SidecarSpec, context: RuleContext): void {
  const { tell } = context;
  if (spec.workloadSelector) workloadRules(spec.workloadSelector, context);
  for (const [index, { hosts }] of (spec.egress ?? []).entries()) {
    const path = ["spec", "egress", index];
    if (index > 0) tell(path, "MSH1306", "only one list of hosts may be for all ports; put them into the first");
    for (const [at, word] of hosts.entries()) {
      const slash = word.indexOf("/");
      const host = word.slice(slash + 1);
      tellRootNamespace([...path, "hosts", at], word.slice(0, slash), context);
      if (!host.includes(".") && host !== "*") {
        const example = `${word.slice(0, slash)}/${host}.NAMESPACE.svc.cluster.local`;
        tell([...path, "hosts", at], "MSH1313", `names no host: hosts are full names here, such as ${example}`);
      }
    }
  }
}

function workloadRules(
  { labels }: NonNullable<SidecarSpec["workloadSelector"]>,
  { tell, namespace }: Pick<RuleContext, "tell" | "namespace">,
): void {
  const path = ["spec", "workloadSelector"];
  labelsRules(labels, path, { tell });
  if (namespace !== rootNamespace || Object.keys(labels ?? {}).length === 0) return;
  tell(path, "MSH1313", `selects workloads of ${rootNamespace} alone; what is for every namespace has no selector`);
}
