/** What is asked of a Sidecar beyond its fields. */
import { rootNamespace } from "../../model/names.ts";
import type { FieldPath } from "../document/node.ts";
import { shown } from "../schema/format.ts";
import type { ConnectionPoolSpec } from "./connection_pool.schema.ts";
import type { RuleContext } from "./kind.ts";
import { labelsRules, tellRootNamespace } from "./shared.rules.ts";
import { ingressProtocol } from "./sidecar.model.ts";
import type { SidecarSpec } from "./sidecar.schema.ts";

export function sidecarRules(spec: SidecarSpec, context: RuleContext): void {
  const { tell } = context;
  if (spec.workloadSelector) workloadRules(spec.workloadSelector, context);
  ingressRules(spec, context);
  inboundPoolRules(spec.inboundConnectionPool, ["spec", "inboundConnectionPool"], context);
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

function ingressRules({ ingress = [] }: SidecarSpec, context: RuleContext): void {
  const { tell } = context;
  const numbers = new Set<number>();
  for (const [index, { port, bind, captureMode, connectionPool }] of ingress.entries()) {
    const path = ["spec", "ingress", index];
    const { number, protocol } = port;
    if (numbers.has(number)) tell([...path, "port", "number"], "MSH1306", `port ${number} stands here a second time`);
    numbers.add(number);
    if (!ingressProtocol(port)) {
      tell([...path, "port", "protocol"], "MSH1505", `${shown(protocol ?? "")} is no protocol that the mesh knows`);
    }
    if (bind !== undefined) {
      const who = "the workload's agent chooses where its proxy listens, and callers are told of it";
      tell([...path, "bind"], "MSH1324", `changes nothing: ${who}; leave it out`);
    }
    if (captureMode === "IPTABLES") {
      tell(
        [...path, "captureMode"],
        "MSH1324",
        "changes nothing: traffic is not captured; write NONE, or leave it out",
      );
    }
    inboundPoolRules(connectionPool, [...path, "connectionPool"], context);
  }
}

function inboundPoolRules(pool: ConnectionPoolSpec | undefined, path: FieldPath, { tell }: RuleContext): void {
  if (pool?.http?.h2UpgradePolicy !== "UPGRADE") return;
  const instead = "the port's protocol says what the application is spoken to in; name it in ingress";
  tell([...path, "http", "h2UpgradePolicy"], "MSH1324", `changes nothing on the way in: ${instead}`);
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
