/**
 * What the nodes have heard of hosts, and what may be concluded from silence. A host is alive by its agent's heartbeats
 * and by the streams of its proxies: while a proxy is connected to any node, traffic is served, whatever became of the
 * agent. Pure.
 */
import { boolean, type Decoded, integer, list, object, text } from "../../platform/decode.ts";
import { limits } from "../../platform/limits.ts";

const decodeSigns = object({
  host: text(253),
  /** Its agent, or a stream of its proxies, was heard within a lease. */
  heard: boolean,
  /** For how long nothing was heard, as far as the node listened: a node that has just begun to says 0. */
  agentMs: integer(0),
  proxiesMs: integer(0),
});

/** One node's word on the hosts it was asked about. */
export const decodeNodeSigns = list(decodeSigns, limits.hostsAsked);

export type NodeSigns = Decoded<typeof decodeNodeSigns>;

export interface HostSigns {
  /** All that have endpoints. */
  readonly hosts: readonly string[];
  /**
   * Of every node of the cluster, about all hosts that anybody may take for silent. undefined: some node has not
   * answered, or what was heard may be old, so nothing can be concluded.
   */
  readonly nodes: readonly NodeSigns[] | undefined;
}

export interface Silence {
  /** Some node has heard of it within its lease. Neither heard nor silent: the nodes have not listened for long enough. */
  readonly heard: ReadonlySet<string>;
  /** No node has heard of it for a lease. */
  readonly silent: ReadonlySet<string>;
  /** Those of them that had their grace too. */
  readonly due: ReadonlySet<string>;
}

/** undefined: nothing can be concluded. */
export function silenceIn({ hosts, nodes }: HostSigns, leaseMs: number): Silence | undefined {
  if (!nodes || nodes.length === 0) return undefined;
  const told = nodes.map((signs) => new Map(signs.map((one) => [one.host, one])));
  const heard = nodes.flatMap((signs) => signs.flatMap((one) => (one.heard ? [one.host] : [])));
  const silent = hosts.filter((host) =>
    // A node that was only just started has listened for less than a lease: it may be where the agent turns next.
    told.every((said) => {
      const one = said.get(host);
      return one !== undefined && one.agentMs >= leaseMs && one.proxiesMs >= leaseMs;
    }),
  );
  const dueMs = leaseMs * (1 + limits.hostGraceLeases);
  const due = silent.filter((host) => told.some((said) => (said.get(host)?.agentMs ?? 0) >= dueMs));
  return { heard: new Set(heard), silent: new Set(silent), due: new Set(due) };
}
