/** Questions to the other nodes of the cluster, and answers to theirs. */
import type { NodeQuestions } from "../../actors/nats/node_network.ts";
import type { Membership } from "../../actors/runtime/membership.ts";
import type { NodeName } from "../../actors/runtime/placement.ts";
import type { Decode } from "../../platform/decode.ts";
import { limits } from "../../platform/limits.ts";

export type Said<T> =
  | { readonly kind: "said"; readonly node: NodeName; readonly value: T }
  /** It did not answer, or what it answered cannot be read. */
  | { readonly kind: "silent"; readonly node: NodeName; readonly because: string };

export interface OthersOptions {
  readonly membership: Pick<Membership, "others" | "isGone" | "onChange">;
  readonly network: NodeQuestions;
}

export class Others {
  readonly #options: OthersOptions;

  constructor(options: OthersOptions) {
    this.#options = options;
  }

  /** Those not known to be gone. */
  names(): readonly NodeName[] {
    return this.#options.membership.others();
  }

  isGone(node: NodeName): boolean {
    return this.#options.membership.isGone(node);
  }

  /** The one answerer of a topic; what it answers is plain JSON. */
  answer(topic: string, answerer: (question: unknown) => Promise<unknown>): void {
    this.#options.network.answer(topic, async (question) => ({ kind: "reply", payload: await answerer(question) }));
  }

  /** Ends with the node, too: who is removed while it is asked is silent at once. */
  async ask<T>(
    node: NodeName,
    question: { readonly topic: string; readonly of?: unknown; readonly timeoutMs?: number },
    decode: Decode<T>,
  ): Promise<Said<T>> {
    const { topic, of, timeoutMs = limits.nodeAnswerMs } = question;
    const answer = await this.#whileMember(node, this.#options.network.ask(node, topic, of, timeoutMs));
    if (answer === "gone") return { kind: "silent", node, because: "it is gone" };
    if (answer.kind !== "reply") return { kind: "silent", node, because: answer.because };
    try {
      return { kind: "said", node, value: decode(answer.payload, topic) };
    } catch (cause) {
      return { kind: "silent", node, because: cause instanceof Error ? cause.message : String(cause) };
    }
  }

  #whileMember<T>(node: NodeName, work: Promise<T>): Promise<T | "gone"> {
    const { membership } = this.#options;
    return new Promise((resolve, reject) => {
      const stop = membership.onChange(() => {
        if (!membership.isGone(node)) return;
        stop();
        resolve("gone");
      });
      work.then(resolve, reject).finally(stop);
    });
  }
}
