/** How a workload's port is spoken to: PeerAuthentication, resolved. Pure. */
import { type Namespace, rootNamespace } from "../model/names.ts";
import type { MutualTlsMode, PeerAuthentication } from "../model/policy.ts";
import { hasLabels } from "./assignments.ts";
import { byAge } from "./hosts.ts";

export interface Subject {
  readonly namespace: Namespace;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * Workload and port, then workload, then namespace, then mesh; at each level the oldest policy counts, and what it
 * leaves unset is inherited. Nothing said anywhere: permissive.
 *
 * @param policies at least those of the workload's namespace and of the root namespace
 * @param port the application's
 */
export function mutualTlsMode(policies: readonly PeerAuthentication[], subject: Subject, port: number): MutualTlsMode {
  const oldest = (of: (policy: PeerAuthentication) => boolean): PeerAuthentication | undefined =>
    policies.filter(of).sort(byAge)[0];
  const reaches = ({ namespace }: PeerAuthentication): boolean =>
    namespace === subject.namespace || namespace === rootNamespace;
  const workload = oldest(
    (policy) => reaches(policy) && hasSelector(policy.selector) && hasLabels(subject.labels, policy.selector.labels),
  );
  const namespace = oldest((policy) => policy.namespace === subject.namespace && !hasSelector(policy.selector));
  const mesh = oldest((policy) => policy.namespace === rootNamespace && !hasSelector(policy.selector));
  return workload?.portModes[port] ?? workload?.mode ?? namespace?.mode ?? mesh?.mode ?? "permissive";
}

function hasSelector(selector: PeerAuthentication["selector"]): selector is NonNullable<typeof selector> {
  return selector !== undefined && Object.keys(selector.labels).length > 0;
}

/** Whether these could make any port plaintext: seldom, so callers seldom need to look at each endpoint. */
export function anyDisables(policies: readonly PeerAuthentication[]): boolean {
  return policies.some(({ mode, portModes }) => mode === "disable" || Object.values(portModes).includes("disable"));
}
