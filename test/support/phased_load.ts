/** A constant load through changes of its destination. Each request counts for the phase in which it was sent. */
import { Agent } from "node:http";
import { type RequestOptions, send } from "./requests.ts";

export interface PhasedLoadOptions extends RequestOptions {
  readonly perSecond: number;
  /** The first one. */
  readonly phase: string;
}

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
  readonly #timer: NodeJS.Timeout;
  readonly #underWay = new Set<Promise<void>>();
  #now: Counting;
  #answered = (): void => {};

  constructor({ perSecond, phase, ...options }: PhasedLoadOptions) {
    this.#options = options;
    this.#now = this.#phase(phase);
    this.#timer = setInterval(() => this.#sendOne(), 1_000 / perSecond);
  }

  enter(phase: string): this {
    this.#now = this.#phase(phase);
    return this;
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

  /** Resolves when everything that was sent is answered. */
  async stop(): Promise<Readonly<Record<string, PhaseCount>>> {
    clearInterval(this.#timer);
    await Promise.all(this.#underWay);
    this.#agent.destroy();
    return Object.fromEntries([...this.#phases].map(([name, { sent, failed }]) => [name, { sent, failed }]));
  }

  #phase(name: string): Counting {
    const phase = this.#phases.get(name) ?? { sent: 0, failed: 0, answered: 0 };
    this.#phases.set(name, phase);
    return phase;
  }

  #sendOne(): void {
    const phase = this.#now;
    phase.sent++;
    const one = this.#judge(phase).finally(() => this.#underWay.delete(one));
    this.#underWay.add(one);
  }

  async #judge(phase: Counting): Promise<void> {
    const good = await send({ ...this.#options, agent: this.#agent }).then(
      ({ status }) => status === 200,
      () => false,
    );
    if (!good) phase.failed++;
    phase.answered++;
    this.#answered();
  }
}
