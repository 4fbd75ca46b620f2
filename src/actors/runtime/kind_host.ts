/**
 * All activations of one kind on this node. It decodes what comes from outside, finds or makes the activation, and deals
 * with what an ended one hands back: once more on a fresh activation, then a refusal worth another try.
 */
import { WeftError } from "../../platform/error.ts";
import { limits } from "../../platform/limits.ts";
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

/** What a host asks of the node's view of the others. */
export interface Surroundings {
  /** Whether actors that are not in memory may be brought there now. */
  mayBegin(): boolean;
  /** Whether all is this node's because it hears nobody; see View. */
  isAlone(): boolean;
}

export class KindHost<T extends ActorTypes> implements HostedKind {
  readonly #kind: ActorKind<T>;
  readonly #hands: Hands<T>;
  readonly #ports: ActorPorts;
  readonly #surroundings: Surroundings;
  readonly #activations = new Map<string, Activation<T>>();
  readonly #leaving = new Set<string>();
  /** Until when actors that were taken from this node are left to whoever took them, monotonic; the oldest first. */
  readonly #yielded = new Map<string, number>();
  #onEmpty: (() => void)[] = [];

  constructor(kind: ActorKind<T>, hands: Hands<T>, ports: ActorPorts, surroundings: Surroundings) {
    this.#surroundings = surroundings;
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
    const refusal = this.#activations.has(id) ? undefined : this.#refusal(id);
    if (refusal) {
      delivery.answer(refusal);
      return;
    }
    const activation = this.#activations.get(id) ?? this.#activate(id);
    if (activation.offer(delivery)) return;
    this.#ports.counts.mailboxFull++;
    delivery.answer({ kind: "refused", code: "overloaded", retry: "later", because: "the actor's mailbox is full" });
  }

  /** Why an actor that is not in memory is not brought there. */
  #refusal(id: string): Answer | undefined {
    if (!this.#surroundings.mayBegin()) return unheard;
    const untilMs = this.#yielded.get(id);
    if (untilMs === undefined) return undefined;
    if (this.#surroundings.isAlone() && this.#ports.clock.monotonicMs() < untilMs) return taken;
    this.#yielded.delete(id);
    return undefined;
  }

  /** Who hears nobody, and loses what it had written to, has learnt that somebody lives and owns it. */
  #yield(id: string): void {
    if (!this.#surroundings.isAlone()) return;
    const nowMs = this.#ports.clock.monotonicMs();
    this.#yielded.delete(id);
    this.#yielded.set(id, nowMs + limits.actorYieldMs);
    for (const [oldest, untilMs] of this.#yielded) {
      if (untilMs > nowMs) break;
      this.#yielded.delete(oldest);
    }
  }

  #activate(id: string): Activation<T> {
    const activation = new Activation<T>({
      kind: this.#kind,
      hands: this.#hands,
      id,
      ports: this.#ports,
      onEnded: (waiting, wasTaken) => {
        if (wasTaken) this.#yield(id);
        this.#ended(id, waiting);
      },
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

const taken: Answer = {
  kind: "refused",
  code: "unavailable",
  retry: "elsewhere",
  because: "another node writes this actor's record, and this one hears no other",
};

const contested: Answer = {
  kind: "refused",
  code: "conflict",
  retry: "later",
  because: "another owner wrote the record at the same time",
};
