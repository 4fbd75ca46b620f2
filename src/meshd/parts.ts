/** What every part of a node is handed, and what a node keeps to end what it began: last first. */
import type { Clock } from "../platform/clock.ts";
import type { Logger } from "../platform/log.ts";
import type { Random } from "../platform/random.ts";
import type { MeshdOptions } from "./options.ts";

export class Stops {
  readonly #stops: (() => Promise<void> | void)[] = [];

  add(stop: () => Promise<void> | void): void {
    this.#stops.push(stop);
  }

  async run(): Promise<void> {
    for (let stop = this.#stops.pop(); stop; stop = this.#stops.pop()) await stop();
  }
}

export interface NodePorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Gives up starting. */
  readonly signal: AbortSignal;
}

export interface NodeContext extends NodePorts {
  readonly options: MeshdOptions;
  readonly stops: Stops;
}
