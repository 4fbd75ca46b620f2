/**
 * The local ports of one run: those that were chosen for it and those that its user fixed. They are given back together
 * at its end; one that is still being looked for then is given back as soon as it is found.
 */
import type { LocalAddress } from "../model/workload.ts";
import type { FreePorts } from "../platform/free_ports.ts";

export class HeldPorts {
  readonly #free: FreePorts;
  #held: readonly LocalAddress[] = [];
  #over = false;

  constructor(free: FreePorts) {
    this.#free = free;
  }

  /** At `address`; without one on 127.0.0.1. */
  async take(address?: string): Promise<LocalAddress> {
    const at = await this.#free.take(address);
    this.#hold(at);
    return at;
  }

  /** One that the user fixed. @returns false: somebody else has it. */
  async claim(at: LocalAddress): Promise<boolean> {
    const ours = await this.#free.claim(at);
    if (ours) this.#hold(at);
    return ours;
  }

  /** One that the Envoy of an adopted run has. */
  keep(at: LocalAddress): void {
    this.#free.keep(at);
    this.#hold(at);
  }

  release(at: LocalAddress): void {
    const kept = this.#held.filter(({ address, port }) => address !== at.address || port !== at.port);
    if (kept.length < this.#held.length) this.#free.release(at);
    this.#held = kept;
  }

  releaseAll(): void {
    this.#over = true;
    for (const at of this.#held) this.release(at);
  }

  #hold(at: LocalAddress): void {
    this.#held = [...this.#held, at];
    if (this.#over) this.release(at);
  }
}
