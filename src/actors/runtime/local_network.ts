/** Runtimes in one process, joined: the network of tests. Between nodes it is nats/transport.ts. */
import type { Clock } from "../../platform/clock.ts";
import type { NodeName } from "./placement.ts";
import type { ActorRequest, Answer, RequestHandler, Transport } from "./transport.ts";

export class LocalNetwork {
  readonly #clock: Clock;
  readonly #handlers = new Map<NodeName, RequestHandler>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  join(node: NodeName): Transport {
    return {
      serve: (handler) => {
        this.#handlers.set(node, handler);
      },
      request: (to, request, timeoutMs) => this.#pass(to, request, timeoutMs),
    };
  }

  /** From now on nobody reaches that node. */
  leave(node: NodeName): void {
    this.#handlers.delete(node);
  }

  #pass(to: NodeName, request: ActorRequest, timeoutMs: number): Promise<Answer> {
    const silent: Answer = { kind: "unknown", because: `node ${to} does not answer` };
    const handler = this.#handlers.get(to);
    return new Promise((resolve) => {
      const timer = this.#clock.after(timeoutMs, () => resolve(silent));
      void handler?.(request)
        .then(resolve)
        .finally(() => timer.cancel());
    });
  }
}
