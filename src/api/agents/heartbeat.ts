/** Answers a heartbeat: what of the mesh changed for this host. */
import type { Heartbeat, HeartbeatReply } from "../../certificates/attestation/protocol.ts";
import { nameOfWorkload } from "../../model/workload.ts";
import { gatewayPorts } from "./gateway_ports.ts";
import type { AgentPorts } from "./ports.ts";
import { workloadsOf } from "./register.ts";

export function answerHeartbeat(ports: AgentPorts, hostName: string, heartbeat: Heartbeat): HeartbeatReply {
  const workloads = workloadsOf(ports, hostName).map(({ value }) => value);
  const known = new Set<string>(workloads.map(nameOfWorkload));
  const own = heartbeat.proxies.filter(({ workload }) => known.has(workload));
  ports.hosts.heard(hostName, { ...heartbeat, proxies: own });
  const bundle = ports.bundle();
  return {
    ...(bundle.sequence > heartbeat.bundleSequence ? { bundle } : {}),
    nodes: ports.nodes(),
    gatewayPorts: gatewayPorts(workloads, ports.gateways()),
    resend: own.length < heartbeat.proxies.length,
  };
}
