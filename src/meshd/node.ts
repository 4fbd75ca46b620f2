/**
 * One control-plane node: its parts, made and joined in the order in which one needs the other, ended in reverse.
 * Everything is handed what it needs; nothing is looked up.
 */
import { oldestFormat } from "../store/record_format.ts";
import { type Cluster, joinCluster } from "./cluster/cluster.ts";
import { openDoors } from "./doors.ts";
import type { MeshdOptions } from "./options.ts";
import { startOwners } from "./owners.ts";
import { type NodePorts, Stops } from "./parts.ts";
import { startServing } from "./serving.ts";
import { openTruth } from "./truth.ts";

export interface Node {
  /** host:port of what listens. */
  readonly addresses: {
    readonly api: string;
    readonly xds: string;
    readonly agents: string;
    readonly xdsPlaintext?: string;
  };
  stop(): Promise<void>;
}

export async function startNode(options: MeshdOptions, ports: NodePorts): Promise<Node> {
  const stops = new Stops();
  const context = { ...ports, options, stops };
  try {
    // Before the cluster is joined nothing is written but what every version reads.
    let cluster: Cluster | undefined;
    const truth = await openTruth(context, () => cluster?.recordFormat() ?? oldestFormat);
    cluster = await joinCluster(context);
    const owners = await startOwners(context, truth, cluster);
    const serving = await startServing(context, { truth, cluster, owners });
    const doors = await openDoors(context, { truth, cluster, owners, serving });
    cluster.membership.ready();
    // What is stopped first: from here on the others own what this node did.
    stops.add(() => cluster.membership.leave());
    const { mtls = "", plaintext } = serving.listening;
    const addresses = { ...doors, xds: mtls, ...(plaintext === undefined ? {} : { xdsPlaintext: plaintext }) };
    return { addresses, stop: () => stops.run() };
  } catch (cause) {
    await stops.run();
    throw cause;
  }
}
