/**
 * A gateway's listeners beyond those that its own request names: one for each port that Gateway objects ask for. A port
 * that none asks for any more keeps its listener for limits.gatewayPortGraceMs (a Gateway that is deleted and applied
 * again finds it where it was, and a node that has just begun may not know all of them), then it is given back.
 */
import type { GatewayWorkload, LocalAddress } from "../model/workload.ts";
import type { Clock } from "../platform/clock.ts";
import { limits } from "../platform/limits.ts";
import type { Logger } from "../platform/log.ts";
import type { HeldPorts } from "./held_ports.ts";
import type { KeptRecord } from "./kept_record.ts";

export interface PortsInput {
  /** That listen now. */
  readonly listening: readonly number[];
  /** That the gateway's own request names. */
  readonly own: readonly number[];
  readonly asked: readonly number[];
  /** Port → since when nobody asks for it, ms. */
  readonly unasked: ReadonlyMap<number, number>;
  readonly nowMs: number;
}

export interface PortsPlan {
  readonly add: readonly number[];
  readonly drop: readonly number[];
  readonly unasked: ReadonlyMap<number, number>;
  /** Asked for, and above limits.portsPerWorkload. */
  readonly tooMany: readonly number[];
}

export function planPorts({ listening, own, asked, unasked, nowMs }: PortsInput): PortsPlan {
  const idle = listening.filter((port) => !own.includes(port) && !asked.includes(port));
  const since = new Map(idle.map((port) => [port, unasked.get(port) ?? nowMs]));
  const drop = idle.filter((port) => nowMs - (since.get(port) ?? nowMs) >= limits.gatewayPortGraceMs);
  for (const port of drop) since.delete(port);
  const missing = asked.filter((port) => !listening.includes(port));
  const room = Math.max(0, limits.portsPerWorkload - listening.length + drop.length);
  return { add: missing.slice(0, room), drop, unasked: since, tooMany: missing.slice(room) };
}

export interface GatewayPortsParts {
  readonly clock: Clock;
  readonly log: Logger;
  readonly kept: KeptRecord;
  readonly ports: HeldPorts;
  /** Aborted when the run ends. */
  readonly over: AbortSignal;
  /** Resolves when a node knows of the change. */
  tell(): Promise<unknown>;
  /** A port that has a listener from now on. */
  listens(port: number, at: LocalAddress): void;
}

export class GatewayPorts {
  readonly #parts: GatewayPortsParts;
  #unasked: ReadonlyMap<number, number> = new Map();
  #tooMany = 0;
  #changing = false;

  constructor(parts: GatewayPortsParts) {
    this.#parts = parts;
  }

  /** Every port that Gateway objects ask of it now. Said again and again; while a change is under way it is not heard. */
  async ask(asked: readonly number[]): Promise<void> {
    const { clock, over } = this.#parts;
    if (this.#changing || over.aborted) return;
    const { request, workload } = this.#parts.kept.now;
    if (request.role !== "gateway" || workload.role !== "gateway") return;
    const listening = Object.keys(workload.listeners).map(Number);
    const own = request.ports.map(({ port }) => port);
    const plan = planPorts({ listening, own, asked, unasked: this.#unasked, nowMs: clock.monotonicMs() });
    this.#unasked = plan.unasked;
    this.#tellTooMany(plan.tooMany);
    if (plan.add.length === 0 && plan.drop.length === 0) return;
    this.#changing = true;
    try {
      await this.#change(workload, plan);
    } finally {
      this.#changing = false;
    }
  }

  async #change(workload: GatewayWorkload, { add, drop }: PortsPlan): Promise<void> {
    const { kept, ports, over, log, tell, listens } = this.#parts;
    const added: [number, LocalAddress][] = [];
    for (const port of add) added.push([port, await ports.take()]);
    if (over.aborted) return;
    const staying = Object.entries(workload.listeners).filter(([port]) => !drop.includes(Number(port)));
    kept.change({ workload: { ...workload, listeners: Object.fromEntries([...staying, ...added]) } });
    await tell();
    for (const [port, at] of added) listens(port, at);
    for (const port of drop) {
      const at = workload.listeners[port];
      if (at) ports.release(at);
    }
    if (drop.length > 0) log.info("gateway-ports-released", { workload: workload.name, ports: drop });
  }

  #tellTooMany({ length }: readonly number[]): void {
    const { kept, log } = this.#parts;
    if (length > 0 && length !== this.#tooMany) {
      log.warn("gateway-ports-too-many", {
        workload: kept.now.workload.name,
        left: length,
        most: limits.portsPerWorkload,
      });
    }
    this.#tooMany = length;
  }
}
