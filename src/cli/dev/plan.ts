/**
 * The mesh that `dev` runs, as data: which parts, their names, how their addresses relate. One node and one cluster now;
 * everything that reads a plan goes over its lists, so that a plan of more is a matter of this file.
 *
 * Ports: the defaults stand here and in the README. They lie below the ephemeral range of Linux (32768) and macOS
 * (49152), so that no outgoing connection takes them. `ports.ts` replaces one that is taken; within one run, and over
 * restarts of what died, a port stays.
 */
import type { DevSettings } from "./settings.ts";

/** What has a port of its own; the name is the key under which the port is remembered. */
export const defaultPorts = {
  ingress: 15_080,
  nats: 15_422,
  api: 15_480,
  xds: 15_481,
  agents: 15_482,
  "app-productpage-v1": 15_490,
  "app-details-v1": 15_491,
  "app-reviews-v1": 15_492,
  "app-reviews-v2": 15_493,
  "app-reviews-v3": 15_494,
  "app-ratings-v1": 15_495,
} as const;

export type PortName = keyof typeof defaultPorts;
export type Ports = Readonly<Record<PortName, number>>;

export const loopback = "127.0.0.1";

export interface NatsPlan {
  readonly name: string;
  readonly port: number;
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
  /** As text: the port that was asked for, or the free one found for 0. */
  readonly xdsPlaintext: string | undefined;
}

export function planOf({ settings, cluster, ports, xdsPlaintext }: PlanInput): MeshPlan {
  const at = (port: number): string => `${loopback}:${port}`;
  const node: NodePlan = {
    name: "meshd-0",
    cluster,
    api: at(ports.api),
    xds: at(ports.xds),
    agents: at(ports.agents),
    xdsPlaintext,
  };
  return {
    clusters: [
      {
        name: cluster,
        nats: settings.nats ? [] : [{ name: "nats-0", port: ports.nats }],
        nodes: [node],
        agents: [{ name: "agent-0", node }],
      },
    ],
  };
}
