/**
 * A TCP proxy between a running mesh's Envoys and their node, so that their control connections can be cut or silenced
 * as a network would do it. Envoys take their node's address from a file that the agent writes (at its start, and when
 * addresses change); here it names the proxy, and an end of their streams brings them over.
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { discoveryResponse } from "../../src/agent/envoy/xds_addresses.ts";
import type { Mesh, ReadyNode } from "./mesh.ts";
import { TcpProxy } from "./tcp_proxy.ts";

const patienceMs = 30_000;

export class ControlConnections {
  readonly #mesh: Mesh;
  readonly #node: ReadyNode;
  readonly #proxy: TcpProxy;

  private constructor(mesh: Mesh, node: ReadyNode, proxy: TcpProxy) {
    this.#mesh = mesh;
    this.#node = node;
    this.#proxy = proxy;
  }

  static async start(mesh: Mesh): Promise<ControlConnections> {
    const [node] = mesh.ready.nodes;
    if (!node) throw new Error("a mesh has a node");
    const proxy = await TcpProxy.start(() => Number(new URL(`tcp://${node.xds}`).port));
    return new ControlConnections(mesh, node, proxy);
  }

  /** Resolves when every Envoy's control connection goes through here; call again after the agent was started again. */
  async intercept(): Promise<void> {
    const name = this.#mesh.ready.agents[0]?.name ?? "";
    const file = join(this.#mesh.stateDir, name, "nodes", "xds.json");
    const wanted = discoveryResponse([`127.0.0.1:${this.#proxy.port}`]);
    if (readFileSync(file, "utf8") === wanted && this.#all) return;
    writeFileSync(`${file}.new`, wanted);
    renameSync(`${file}.new`, file);
    // Streams that are open stay where they are: the node's end is what brings them over.
    const { name: node, pid } = this.#node;
    await this.#mesh.restartOf(node, () => process.kill(this.#mesh.pidOf(node) ?? pid, "SIGKILL"));
    const untilMs = performance.now() + patienceMs;
    while (!this.#all) {
      if (performance.now() > untilMs) throw new Error(`only ${this.#proxy.connections} Envoys came over`);
      await wait(50);
    }
  }

  /** Ends every connection, and refuses new ones until `mend`. */
  cut(): void {
    this.#proxy.cut();
  }

  mend(): void {
    this.#proxy.mend();
  }

  /** Connections stay open and carry nothing, until `speak`. */
  silence(): void {
    this.#proxy.freeze();
  }

  speak(): void {
    this.#proxy.thaw();
  }

  stop(): Promise<void> {
    return this.#proxy.stop();
  }

  get #all(): boolean {
    return this.#proxy.connections >= this.#mesh.ready.workloads.length;
  }
}
