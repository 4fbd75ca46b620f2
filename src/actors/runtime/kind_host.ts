/**
 * All activations of one kind on this node. It decodes what comes from outside, finds or makes the activation, and deals
 * with what an ended one hands back: once more on a fresh activation, then a refusal worth another try.
 */
import { WeftError } from "../../platform/error.ts";
import { Activation, type ActorPorts, type Delivery } from "./activation.ts";
import type { ActorKind, ActorTypes, Hands } from "./kind.ts";
import type { ActorRequest, Answer } from "./transport.ts";

/** A kind without its types: what the runtime keeps many of. */
export interface HostedKind {
  readonly name: string;
  readonly runs: "on-demand" | "always";
  readonly wake: unknown;
  deliver(request: ActorRequest, deadlineMs: number): Promise<Answer>;
  /** Ids of the actors in memory. */
  active(): string[];
  isActive(id: string): boolean;
  /** Ends the activation after its turn; what waits is refused, elsewhere. */
  evict(id: string): void;
  /** Resolves when nothing is in memory any more. */
  drained(): Promise<void>;
}

// A message whose activation was lost twice meets a contest that a caller should know of.
const lossesAtMost = 1;

export class KindHost<T extends ActorTypes> implements HostedKind {
  readonly #kind: ActorKind<T>;
  readonly #hands: Hands<T>;
  readonly #ports: ActorPorts;
  readonly #mayBegin: () => boolean;
  readonly #activations = new Map<string, Activation<T>>();
  readonly #leaving = new Set<string>();
  #onEmpty: (() => void)[] = [];

  /** @param mayBegin whether actors that are not in memory may be brought there now. */
  constructor(kind: ActorKind<T>, hands: Hands<T>, ports: ActorPorts, mayBegin: () => boolean) {
    this.#mayBegin = mayBegin;
    this.#kind = kind;
    this.#hands = hands;
    this.#ports = ports;
  }

  get name(): string {
    return this.#kind.kind;
  }

  get runs(): "on-demand" | "always" {
    return this.#kind.runs;
  }

  get wake(): unknown {
    return this.#kind.wake;
  }

  active(): string[] {
    return [...this.#activations.keys()];
  }

  isActive(id: string): boolean {
    return this.#activations.has(id);
  }

  deliver(request: ActorRequest, deadlineMs: number): Promise<Answer> {
    const { address, operation, payload } = request;
    let decoded: T["Request"];
    try {
      decoded = this.#kind.decodeRequest(payload, `request to ${address.kind}`);
    } catch (cause) {
      const { code, retry, because } = WeftError.from(cause, "read a request", { code: "invalid" });
      return Promise.resolve({ kind: "refused", code, retry, because });
    }
    return new Promise((answer) => {
      this.#offer(address.id, { operation, request: decoded, deadlineMs, losses: 0, answer });
    });
  }

  evict(id: string): void {
    const activation = this.#activations.get(id);
    if (!activation) return;
    this.#leaving.add(id);
    activation.evict();
  }

  async drained(): Promise<void> {
    if (this.#activations.size === 0) return;
    await new Promise<void>((resolve) => this.#onEmpty.push(resolve));
  }

  #offer(id: string, delivery: Delivery<T>): void {
    if (this.#leaving.has(id)) {
      delivery.answer(misplaced);
      return;
    }
    const activation = this.#activations.get(id) ?? (this.#mayBegin() ? this.#activate(id) : undefined);
    if (!activation) {
      delivery.answer(unheard);
      return;
    }
    if (activation.offer(delivery)) return;
    this.#ports.counts.mailboxFull++;
    delivery.answer({ kind: "refused", code: "overloaded", retry: "later", because: "the actor's mailbox is full" });
  }

  #activate(id: string): Activation<T> {
    const activation = new Activation<T>({
      kind: this.#kind,
      hands: this.#hands,
      id,
      ports: this.#ports,
      onEnded: (waiting) => this.#ended(id, waiting),
    });
    this.#activations.set(id, activation);
    return activation;
  }

  #ended(id: string, waiting: readonly Delivery<T>[]): void {
    this.#activations.delete(id);
    const leaving = this.#leaving.delete(id);
    for (const delivery of waiting) {
      if (leaving) delivery.answer(misplaced);
      else if (delivery.losses > lossesAtMost) delivery.answer(contested);
      else this.#offer(id, delivery);
    }
    if (this.#activations.size > 0) return;
    for (const resolve of this.#onEmpty.splice(0)) resolve();
  }
}

export const misplaced: Answer = {
  kind: "refused",
  code: "unavailable",
  retry: "elsewhere",
  because: "the actor does not belong on this node",
};

const unheard: Answer = {
  kind: "refused",
  code: "unavailable",
  retry: "elsewhere",
  because: "this node does not hear itself through NATS, and takes over no actor",
};

const contested: Answer = {
  kind: "refused",
  code: "conflict",
  retry: "later",
  because: "another owner wrote the record at the same time",
};
