/** Sidecar → model. */
import type { EgressHosts, Sidecar } from "../../model/sidecar.ts";
import { type Owner, selectorOf, undotted } from "./shared.model.ts";
import { meshNamespace } from "./shared.rules.ts";
import type { SidecarSpec } from "./sidecar.schema.ts";

export function toSidecar(spec: SidecarSpec, owner: Owner): Sidecar {
  const { workloadSelector, egress, outboundTrafficPolicy } = spec;
  return {
    ...owner,
    ...selectorOf(workloadSelector && { matchLabels: workloadSelector.labels ?? {} }),
    ...(egress ? { egress: egress.flatMap(({ hosts }) => hosts.map(egressHostsOf)) } : {}),
    ...(outboundTrafficPolicy ? { outboundTrafficPolicy: outboundTrafficPolicy.mode } : {}),
  };
}

function egressHostsOf(word: string): EgressHosts {
  const slash = word.indexOf("/");
  return {
    namespace: meshNamespace(word.slice(0, slash)) as EgressHosts["namespace"],
    host: undotted(word.slice(slash + 1).toLowerCase()),
  };
}
