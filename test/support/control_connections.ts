/**
 * Puts a TCP proxy between a running mesh's Envoys and their node, so that their control connections can be cut or
 * frozen as a network would do it. Envoys take their node's address from a file that the agent writes; here it names
 * the proxy, and one end of their streams brings them over.
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { discoveryResponse } from "../../src/agent/envoy/xds_addresses.ts";
import type { Mesh } from "./mesh.ts";
import { TcpProxy } from "./tcp_proxy.ts";

export async function interceptControlConnections(mesh: Mesh): Promise<TcpProxy> {
  const [node] = mesh.ready.nodes;
  const [agent] = mesh.ready.agents;
  if (!node || !agent) throw new Error("a mesh has a node and an agent");
  const proxy = await TcpProxy.start(() => Number(new URL(`tcp://${node.xds}`).port));
  const file = join(mesh.stateDir, agent.name, "nodes", "xds.json");
  const before = readFileSync(file, "utf8");
  writeFileSync(`${file}.new`, discoveryResponse([`127.0.0.1:${proxy.port}`]));
  renameSync(`${file}.new`, file);
  if (readFileSync(file, "utf8") === before) throw new Error("the Envoys were intercepted already");
  // Streams that are open stay where they are: the node's end is what brings them over.
  await mesh.restartOf(node.name, () => process.kill(mesh.pidOf(node.name) ?? node.pid, "SIGKILL"));
  while (proxy.connections < mesh.ready.workloads.length) await wait(50);
  return proxy;
}
