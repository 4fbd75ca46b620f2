/**
 * The mesh that `dev` runs, as data: which parts, their names, how their addresses relate. One node with one nats-server,
 * or three with three; one cluster now. Everything that reads a plan goes over its lists.
 *
 * Ports: the defaults stand here and in the README. They lie below the ephemeral range of Linux (32768) and macOS
 * (49152), so that no outgoing connection takes them. `ports.ts` replaces one that is taken; within one run, and over
 * restarts of what died, a port stays.
 */
import { loopback } from "../../platform/free_ports.ts";
import type { DevSettings } from "./settings.ts";

/** What has a port of its own; the name is the key under which the port is remembered. */
export const defaultPorts = {
  ingress: 15_080,
  nats: 15_422,
  api: 15_480,
  xds: 15_481,
  agents: 15_482,
  "nats-1": 15_423,
  "nats-2": 15_424,
  "routes-0": 15_425,
  "routes-1": 15_426,
  "routes-2": 15_427,
  "api-1": 15_483,
  "xds-1": 15_484,
  "agents-1": 15_485,
  "api-2": 15_486,
  "xds-2": 15_487,
  "agents-2": 15_488,
  "app-productpage-v1": 15_490,
  "app-details-v1": 15_491,
  "app-reviews-v1": 15_492,
  "app-reviews-v2": 15_493,
  "app-reviews-v3": 15_494,
  "app-ratings-v1": 15_495,
} as const;

export type PortName = keyof typeof defaultPorts;
export type Ports = Readonly<Record<PortName, number>>;

export interface NatsPlan {
  readonly name: string;
  readonly port: number;
  /** Where it speaks with the other servers of its cluster, and where all of them do; undefined: it is alone. */
  readonly routes: { readonly port: number; readonly all: readonly number[] } | undefined;
}

export interface NodePlan {
  readonly name: string;
  readonly cluster: string;
  /** host:port each. */
  readonly api: string;
  readonly xds: string;
  readonly agents: string;
  readonly xdsPlaintext: string | undefined;
}

export interface AgentPlan {
  readonly name: string;
  /** The node it joins through; it learns of the others from there. */
  readonly node: NodePlan;
}

export interface ClusterPlan {
  readonly name: string;
  /** None when NATS is somebody else's. */
  readonly nats: readonly NatsPlan[];
  readonly nodes: readonly [NodePlan, ...NodePlan[]];
  readonly agents: readonly AgentPlan[];
}

export interface MeshPlan {
  readonly clusters: readonly [ClusterPlan, ...ClusterPlan[]];
}

export interface PlanInput {
  readonly settings: DevSettings;
  /** Of the first cluster. */
  readonly cluster: string;
  readonly ports: Ports;
  /** Of each node, as text: the port that was asked for, or a free one. Empty: none was asked for. */
  readonly xdsPlaintext: readonly string[];
}

const natsPorts = ["nats", "nats-1", "nats-2"] as const;
const routePorts = ["routes-0", "routes-1", "routes-2"] as const;
const nodePorts = [
  { api: "api", xds: "xds", agents: "agents" },
  { api: "api-1", xds: "xds-1", agents: "agents-1" },
  { api: "api-2", xds: "xds-2", agents: "agents-2" },
] as const;

export function planOf({ settings, cluster, ports, xdsPlaintext }: PlanInput): MeshPlan {
  const at = (port: number): string => `${loopback}:${port}`;
  const nodeOf = (index: 0 | 1 | 2): NodePlan => {
    const { api, xds, agents } = nodePorts[index];
    return {
      name: `meshd-${index}`,
      cluster,
      api: at(ports[api]),
      xds: at(ports[xds]),
      agents: at(ports[agents]),
      xdsPlaintext: xdsPlaintext[index],
    };
  };
  const first = nodeOf(0);
  const nodes: ClusterPlan["nodes"] = settings.nodes === 3 ? [first, nodeOf(1), nodeOf(2)] : [first];
  return {
    clusters: [
      {
        name: cluster,
        nats: settings.nats ? [] : natsOf(settings, ports),
        nodes,
        agents: [{ name: "agent-0", node: first }],
      },
    ],
  };
}

function natsOf({ nodes }: DevSettings, ports: Ports): readonly NatsPlan[] {
  if (nodes === 1) return [{ name: "nats-0", port: ports.nats, routes: undefined }];
  const all = routePorts.map((name) => ports[name]);
  return natsPorts.map((name, index) => ({
    name: `nats-${index}`,
    port: ports[name],
    routes: { port: all[index] ?? 0, all },
  }));
}
