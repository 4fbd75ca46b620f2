/**
 * One fault in a running demo under load: what it cost, and how long until configuration flowed again. Used by the tests
 * and by the chaos scenarios, which only differ in how often and how long.
 */
import { setTimeout as wait } from "node:timers/promises";
import type { ConfigurationFlow } from "./configuration_flow.ts";
import type { ControlConnections } from "./control_connections.ts";
import type { Mesh } from "./mesh.ts";
import { newcomerServes } from "./newcomer.ts";
import { demoLoad, type LoadReport, stopLoads } from "./steady_load.ts";

export interface Fault {
  readonly name: string;
  /** Before the load begins. */
  prepare?(): Promise<void>;
  /** Resolves when the fault is over, as far as it ends by itself: from then on the time counts. */
  strike(): Promise<void>;
}

export interface FaultReport extends LoadReport {
  readonly fault: string;
  readonly routesMs: number;
  readonly endpointsMs: number;
  /** Until a workload that came right after the fault served its first request. */
  readonly newcomerMs: number;
  /** Requests that went the old way although the mesh had said `distributed`. */
  readonly stale: number;
}

export interface Bench {
  readonly mesh: Mesh;
  readonly flow: ConfigurationFlow;
  readonly perSecond: number;
}

/** Load before the fault and after the recovery, ms: so that each shows in what the load reports. */
const calmMs = 1_500;

let newcomers = 0;

export async function strike({ mesh, flow, perSecond }: Bench, fault: Fault): Promise<FaultReport> {
  await fault.prepare?.();
  const loads = demoLoad(mesh.ready.ingress, mesh.workload("productpage-v1").outbound ?? "", perSecond);
  await wait(calmMs);
  const faultMs = performance.now();
  await fault.strike();
  const overMs = performance.now();
  const [times, servesMs] = await Promise.all([flow.flows(overMs), newcomerServes(mesh, `newcomer-${newcomers++}`)]);
  await wait(Math.max(calmMs, 3_000 - (performance.now() - faultMs)));
  return { fault: fault.name, ...(await stopLoads(loads)), ...times, newcomerMs: servesMs - overMs };
}

/** kill -9, of all of them together. What supervises them starts them again; the flow shows when they work. */
export function killOf(mesh: Mesh, ...parts: readonly string[]): Fault {
  return {
    name: `kill -9 ${parts.join(", ")}`,
    strike: async () => {
      for (const one of parts.map((part) => pid(mesh, part))) process.kill(one, "SIGKILL");
    },
  };
}

/** SIGSTOP, and SIGCONT after a while. */
export function freezeOf(mesh: Mesh, part: string, forMs: number): Fault {
  return {
    name: `SIGSTOP ${part} for ${forMs / 1_000} s`,
    strike: async () => {
      const stopped = pid(mesh, part);
      process.kill(stopped, "SIGSTOP");
      await wait(forMs);
      process.kill(stopped, "SIGCONT");
    },
  };
}

/** Every Envoy's connection to its node ends at once, and new ones are refused for a while. */
export function cutOf(connections: ControlConnections, forMs: number): Fault {
  return {
    name: `cut control connections${forMs > 0 ? ` for ${forMs / 1_000} s` : ""}`,
    prepare: () => connections.intercept(),
    strike: async () => {
      connections.cut();
      await wait(forMs);
      connections.mend();
    },
  };
}

/** The connections stay open and carry nothing. */
export function silenceOf(connections: ControlConnections, forMs: number): Fault {
  return {
    name: `silence control connections for ${forMs / 1_000} s`,
    prepare: () => connections.intercept(),
    strike: async () => {
      connections.silence();
      await wait(forMs);
      connections.speak();
    },
  };
}

function pid(mesh: Mesh, part: string): number {
  const found = mesh.pidOf(part);
  if (found === undefined) throw new Error(`${part} does not run`);
  return found;
}
