/** A constant load through changes of its destination. Each request counts for the phase in which it was sent. */
import { Agent } from "node:http";
import { type RequestOptions, send } from "./requests.ts";

export interface PhaseCount {
  readonly sent: number;
  /** Not answered with 200. */
  readonly failed: number;
}

interface Counting {
  sent: number;
  failed: number;
  answered: number;
}

export class PhasedLoad {
  readonly #options: RequestOptions;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #phases = new Map<string, Counting>();
  readonly #workers: Promise<void>[];
  #now: Counting;
  #answered = (): void => {};
  #on = true;

  constructor(options: RequestOptions, phase: string, width = 4) {
    this.#options = options;
    this.#now = this.#phase(phase);
    this.#workers = Array.from({ length: width }, () => this.#work());
  }

  enter(phase: string): void {
    this.#now = this.#phase(phase);
  }

  /** Resolves when so many requests of the phase that is on have been answered. */
  answered(count: number): Promise<void> {
    const phase = this.#now;
    return new Promise((resolve) => {
      this.#answered = () => {
        if (phase.answered >= count) resolve();
      };
    });
  }

  async stop(): Promise<Readonly<Record<string, PhaseCount>>> {
    this.#on = false;
    await Promise.all(this.#workers);
    this.#agent.destroy();
    return Object.fromEntries([...this.#phases].map(([name, { sent, failed }]) => [name, { sent, failed }]));
  }

  #phase(name: string): Counting {
    const phase = this.#phases.get(name) ?? { sent: 0, failed: 0, answered: 0 };
    this.#phases.set(name, phase);
    return phase;
  }

  async #work(): Promise<void> {
    while (this.#on) {
      const phase = this.#now;
      phase.sent++;
      const good = await send({ ...this.#options, agent: this.#agent }).then(
        ({ status }) => status === 200,
        () => false,
      );
      if (!good) phase.failed++;
      phase.answered++;
      this.#answered();
    }
  }
}
