/**
 * Answers a heartbeat: what of the mesh changed for this host. A node that is cut off from the others refuses it, so that
 * the agent tells another one too: a host is alive by what any node hears, if the others can know of it.
 */
import type { Heartbeat, HeartbeatReply } from "../../certificates/attestation/protocol.ts";
import { nameOfWorkload } from "../../model/workload.ts";
import { ApiRefusal } from "../problem_details.ts";
import { gatewayPorts } from "./gateway_ports.ts";
import type { AgentPorts } from "./ports.ts";
import { workloadsOf } from "./register.ts";
import { secretVersions } from "./secrets.ts";

export function answerHeartbeat(ports: AgentPorts, hostName: string, heartbeat: Heartbeat): HeartbeatReply {
  const workloads = workloadsOf(ports, hostName).map(({ value }) => value);
  const known = new Set<string>(workloads.map(nameOfWorkload));
  const own = heartbeat.proxies.filter(({ workload }) => known.has(workload));
  if (!ports.hosts.heard(hostName, { ...heartbeat, proxies: own })) {
    throw new ApiRefusal("unavailable", "this node is cut off from the others; tell another node");
  }
  const bundle = ports.bundle();
  return {
    ...(bundle.sequence > heartbeat.bundleSequence ? { bundle } : {}),
    nodes: ports.nodes(),
    gatewayPorts: gatewayPorts(workloads, ports.gateways()),
    secrets: secretVersions(ports, workloads),
    resend: own.length < heartbeat.proxies.length,
  };
}
