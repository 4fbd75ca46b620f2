/**
 * The network between nodes, as one Transport and one Gossip a node. Every message has its own delay, so they overtake each other; it
 * may be lost or come twice, and a way may be cut in one direction alone. An answer is a message too.
 */
import type { Gossip } from "../../src/actors/runtime/heartbeat.ts";
import type { NodeName } from "../../src/actors/runtime/placement.ts";
import type { ActorRequest, Answer, RequestHandler, Transport } from "../../src/actors/runtime/transport.ts";
import { limits } from "../../src/platform/limits.ts";
import type { Random } from "../../src/platform/random.ts";
import type { Process, VirtualTime } from "./time.ts";

export interface NetworkFaults {
  /** Shares of messages. */
  drop: number;
  duplicate: number;
  /** Longest delay of a message, ms. */
  delayMs: number;
}

export const calmNetwork: Readonly<NetworkFaults> = { drop: 0, duplicate: 0, delayMs: 4 };

/** Whether a node reaches its nats-server, and is reached from there. */
export interface Reach {
  speaks: boolean;
  hears: boolean;
}

interface Hearer {
  readonly process: Process;
  readonly reach: Reach;
  readonly handler: (message: unknown) => void;
}

interface Listener {
  readonly process: Process;
  readonly handler: RequestHandler;
}

export class Network {
  readonly faults: NetworkFaults = { ...calmNetwork };
  readonly #time: VirtualTime;
  readonly #random: Random;
  readonly #listeners = new Map<NodeName, Listener>();
  readonly #hearers = new Map<NodeName, Hearer>();
  readonly #cuts = new Set<string>();

  constructor(time: VirtualTime, random: Random) {
    this.#time = time;
    this.#random = random;
  }

  /** Nothing passes from one to the other any more; the way back is another one. */
  cut(from: NodeName, to: NodeName): void {
    this.#cuts.add(`${from} ${to}`);
  }

  heal(): void {
    this.#cuts.clear();
    Object.assign(this.faults, calmNetwork);
  }

  passes(from: NodeName, to: NodeName): boolean {
    return !this.#cuts.has(`${from} ${to}`);
  }

  join(self: NodeName, process: Process): Transport {
    return {
      serve: (handler) => {
        this.#listeners.set(self, { process, handler });
      },
      request: (to, request, timeoutMs) => this.#request({ self, process, to, request, timeoutMs }),
    };
  }

  gossip(self: NodeName, process: Process, reach: Reach): Gossip {
    return {
      subscribe: (handler) => {
        this.#hearers.set(self, { process, reach, handler });
        return () => this.#hearers.delete(self);
      },
      publish: (message) => {
        if (!reach.speaks) return;
        const bytes = JSON.stringify(message);
        for (const name of this.#hearers.keys()) this.#pass(self, name, () => this.#hear(name, bytes));
      },
    };
  }

  /** As NATS answers: nobody listens under the name of a process that has ended; of one that stands still it says nothing. */
  isThere(self: NodeName, process: Process, node: NodeName): Promise<boolean | undefined> {
    return new Promise((resolve) => {
      const timer = process.after(limits.memberLookMs, () => resolve(undefined));
      const answered = (is: boolean): void => {
        timer.cancel();
        process.enter(() => resolve(is));
      };
      this.#pass(self, node, () => {
        const hearer = this.#hearers.get(node);
        if (hearer) hearer.process.enter(() => this.#pass(node, self, () => answered(true)));
        else this.#pass(node, self, () => answered(false));
      });
    });
  }

  #hear(name: NodeName, bytes: string): void {
    const hearer = this.#hearers.get(name);
    if (hearer?.reach.hears) hearer.process.enter(() => hearer.handler(JSON.parse(bytes)));
  }

  leave(node: NodeName): void {
    this.#listeners.delete(node);
    this.#hearers.delete(node);
  }

  #request(asked: {
    readonly self: NodeName;
    readonly process: Process;
    readonly to: NodeName;
    readonly request: ActorRequest;
    readonly timeoutMs: number;
  }): Promise<Answer> {
    const { self, process, to, request, timeoutMs } = asked;
    return new Promise((resolve) => {
      const silent: Answer = { kind: "unknown", because: `node ${to} does not answer` };
      const timer = process.after(timeoutMs, () => resolve(silent));
      const answered = (answer: Answer): void => {
        timer.cancel();
        resolve(answer);
      };
      const bytes = JSON.stringify(request);
      this.#pass(self, to, () => {
        const listener = this.#listeners.get(to);
        // Nobody listens under that name: NATS says so at once, unless the way back is cut too.
        if (!listener) return this.#pass(to, self, () => process.enter(() => answered(silent)));
        listener.process.enter(() => {
          void listener.handler(JSON.parse(bytes) as ActorRequest).then((answer) => {
            const back = JSON.stringify(answer);
            this.#pass(to, self, () => process.enter(() => answered(JSON.parse(back) as Answer)));
          });
        });
      });
    });
  }

  #pass(from: NodeName, to: NodeName, arrive: () => void): void {
    const { drop, duplicate, delayMs } = this.faults;
    const times = this.#random.unit() < duplicate ? 2 : 1;
    for (let copy = 0; copy < times; copy++) {
      if (this.#random.unit() < drop) continue;
      this.#time.after(0.2 + this.#random.unit() * delayMs, () => {
        if (this.passes(from, to)) arrive();
      });
    }
  }
}
