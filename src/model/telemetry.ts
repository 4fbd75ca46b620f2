/** What proxies tell of the traffic that they carry: a Telemetry after parsing. */
import type { Namespace } from "./names.ts";
import type { Selector } from "./policy.ts";

/** Of a workload: what it asks of others, and what others ask of it. A gateway is always the one that asks. */
export type TrafficSide = "client" | "server";

export interface AccessLogging {
  readonly sides: readonly TrafficSide[];
  /** Absent: logged, unless a wider Telemetry disables it. */
  readonly disabled?: boolean;
}

export interface Telemetry {
  readonly namespace: Namespace;
  readonly name: string;
  readonly createdAt: number;
  /** Absent: the whole namespace, or the mesh when the namespace is the root. */
  readonly selector?: Selector;
  /** Of several for one side the last holds. */
  readonly accessLogging: readonly AccessLogging[];
}
