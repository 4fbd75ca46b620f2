/** How whoever is not a node reaches one: a request with its way there and back, either of which may lose it. */
import { refusalFrom } from "../../src/api/problem_details.ts";
import { WeftError } from "../../src/platform/error.ts";
import type { Random } from "../../src/platform/random.ts";
import type { Network } from "./network.ts";
import type { SimNode } from "./node.ts";
import type { VirtualTime } from "./time.ts";

export type Reply<T> =
  | { readonly kind: "answer"; readonly value: T }
  | { readonly kind: "error"; readonly told: string; readonly because: string }
  /** Nothing came. Whether it was done nobody knows. */
  | { readonly kind: "silence" };

/** Share of hang-ups that the node never hears of. */
const unheard = 0.3;

export class Outside {
  readonly #time: VirtualTime;
  readonly #random: Random;
  readonly #network: Network;

  constructor(time: VirtualTime, random: Random, network: Network) {
    this.#time = time;
    this.#random = random;
    this.#network = network;
  }

  /** `gone` is aborted when the caller has hung up and the node can know it. */
  call<T>(node: SimNode, timeoutMs: number, work: (gone: AbortSignal) => Promise<T>): Promise<Reply<T>> {
    return new Promise((resolve) => {
      const gone = new AbortController();
      const process = node.process;
      const hangUp = this.#time.after(timeoutMs, () => {
        resolve({ kind: "silence" });
        // A host that is cut off cannot say that it has hung up.
        if (this.#random.unit() < unheard) return;
        this.#pass(() => process?.enter(() => gone.abort(hungUp())));
      });
      const back = (reply: Reply<T>): void =>
        this.#pass(() => {
          hangUp.cancel();
          resolve(reply);
        });
      this.#pass(() => {
        // What was connected to one boot of a node is not connected to the next.
        if (!process || node.process !== process) return;
        process.enter(() => {
          void Promise.resolve()
            .then(() => work(gone.signal))
            .then(
              (value) => back({ kind: "answer", value }),
              (cause: unknown) => {
                const { told, message } = refusalFrom(cause);
                back({ kind: "error", told, because: message });
              },
            );
        });
      });
    });
  }

  #pass(arrive: () => void): void {
    const { drop, delayMs } = this.#network.faults;
    if (this.#random.unit() < drop) return;
    this.#time.after(0.2 + this.#random.unit() * delayMs, arrive);
  }
}

function hungUp(): WeftError {
  return new WeftError({ code: "cancelled", retry: "later", attempted: "answer", because: "the caller has gone" });
}
