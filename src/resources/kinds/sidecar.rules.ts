/** What is asked of a Sidecar beyond its fields. */
import { rootNamespace } from "../../model/names.ts";
import type { RuleContext } from "./kind.ts";
import { tellRootNamespace } from "./shared.rules.ts";
import type { SidecarSpec } from "./sidecar.schema.ts";

export function sidecarRules(spec: SidecarSpec, context: RuleContext): void {
  const { tell, namespace } = context;
  if (spec.workloadSelector && Object.keys(spec.workloadSelector.labels ?? {}).length === 0) {
    const message = "has no labels and so selects every workload; leave it out if that is meant";
    tell(["spec", "workloadSelector"], "MSH1311", message);
  } else if (spec.workloadSelector && namespace === rootNamespace) {
    const message = `selects workloads of ${rootNamespace} alone; what is for every namespace has no selector`;
    tell(["spec", "workloadSelector"], "MSH1313", message);
  }
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
