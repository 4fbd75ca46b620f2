/** Nodes that put questions to each other in memory, as JSON; one may fall silent, or be gone. */
import type { NodeName } from "../../src/actors/runtime/placement.ts";
import type { Answer } from "../../src/actors/runtime/transport.ts";
import { Others } from "../../src/meshd/cluster/others.ts";
import type { ManualClock } from "../support/manual_clock.ts";

type Answerer = (question: unknown) => Promise<Answer>;

export class TestQuestions {
  readonly gone = new Set<string>();
  readonly silent = new Set<string>();
  readonly #names: readonly string[];
  readonly #clock: ManualClock;
  readonly #answerers = new Map<string, Answerer>();
  readonly #changed = new Set<() => void>();

  constructor(clock: ManualClock, names: readonly string[]) {
    this.#clock = clock;
    this.#names = names;
  }

  others(of: string): Others {
    return new Others({
      membership: {
        others: () => this.#names.filter((one) => one !== of && !this.gone.has(one)) as NodeName[],
        isGone: (node) => this.gone.has(node),
        onChange: (listener) => {
          this.#changed.add(listener);
          return () => this.#changed.delete(listener);
        },
      },
      network: {
        answer: (topic, answerer) => void this.#answerers.set(`${of} ${topic}`, answerer),
        ask: async (node, topic, question, timeoutMs) => {
          const answerer = this.#answerers.get(`${node} ${topic}`);
          if (answerer && !this.silent.has(node)) {
            return JSON.parse(JSON.stringify(await answerer(JSON.parse(JSON.stringify(question ?? null)))));
          }
          return new Promise((resolve) => {
            this.#clock.after(timeoutMs, () => resolve({ kind: "unknown", because: "no answer in time" }));
          });
        },
      },
    });
  }

  remove(name: string): void {
    this.gone.add(name);
    for (const listener of this.#changed) listener();
  }
}
