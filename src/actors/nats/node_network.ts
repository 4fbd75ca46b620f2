/**
 * What nodes say to each other, as JSON over the bus: words to everybody (gossip), and questions to one node, by topic.
 * A question is answered, refused, or stays without an answer; asking never rejects. The subjects of a cluster:
 *
 *   weft.CLUSTER.gossip.TOPIC       to all, the sender among them
 *   weft.CLUSTER.node.NAME.TOPIC    questions to that node
 */
import { anything, object, oneOf, text, union } from "../../platform/decode.ts";
import { WeftError } from "../../platform/error.ts";
import { limits } from "../../platform/limits.ts";
import type { Logger } from "../../platform/log.ts";
import type { Gossip } from "../runtime/heartbeat.ts";
import type { NodeName } from "../runtime/placement.ts";
import type { Answer } from "../runtime/transport.ts";
import type { NatsBus } from "./bus.ts";

/** What it throws is told to whoever asked, as a refusal. */
export type Answerer = (question: unknown) => Promise<Answer>;

/** Questions to other nodes, as whoever asks them needs it. */
export interface NodeQuestions {
  answer(topic: string, answerer: Answerer): void;
  ask(node: NodeName, topic: string, question: unknown, timeoutMs: number): Promise<Answer>;
}

const errorCodes = [
  ...(["unavailable", "conflict", "unknown-outcome", "too-large", "overloaded", "not-found"] as const),
  ...(["denied", "invalid", "timeout", "cancelled", "internal"] as const),
];

const decodeAnswer = union("kind", {
  reply: object({}, { payload: anything }),
  refused: object({ code: oneOf(...errorCodes), retry: oneOf("never", "later", "elsewhere"), because: text() }),
  unknown: object({ because: text() }),
});

/** The topic under which every node answers that it is there. */
const presence = "presence";

export class NodeNetwork implements NodeQuestions {
  readonly #bus: NatsBus;
  readonly #self: NodeName;
  readonly #prefix: string;
  readonly #log: Logger;
  #answering = 0;
  #asking = 0;

  constructor(bus: NatsBus, self: NodeName, cluster: string, log: Logger) {
    this.#bus = bus;
    this.#self = self;
    this.#prefix = `weft.${cluster}`;
    this.#log = log;
    bus.subscribe(this.#subject(self, presence), (_data, reply) => reply(new Uint8Array()));
  }

  gossip(topic: string): Gossip {
    const subject = `${this.#prefix}.gossip.${topic}`;
    return {
      publish: (message) => this.#bus.publish(subject, encode(message)),
      subscribe: (handler) =>
        this.#bus.subscribe(subject, (data) => {
          const message = decode(data);
          if (message !== undefined) handler(message);
        }),
    };
  }

  answer(topic: string, answerer: Answerer): void {
    this.#bus.subscribe(this.#subject(this.#self, topic), (data, reply) => {
      void this.#answer(topic, answerer, decode(data)).then((answer) => reply(fitting(answer)));
    });
  }

  async ask(node: NodeName, topic: string, question: unknown, timeoutMs: number): Promise<Answer> {
    if (this.#asking >= limits.nodeCalls) return overloaded;
    this.#asking++;
    const asked = await this.#bus.request(this.#subject(node, topic), encode(question), timeoutMs);
    this.#asking--;
    if (asked.kind === "nobody") return nobody(node, asked.because);
    if (asked.kind === "silent") return { kind: "unknown", because: `node ${node} does not answer (${asked.because})` };
    try {
      const answer = decodeAnswer(decode(asked.data), "answer");
      return answer.kind === "reply" ? { kind: "reply", payload: answer.payload } : answer;
    } catch {
      return { kind: "unknown", because: `the answer of node ${node} cannot be read` };
    }
  }

  /** Whether that node has a connection to NATS; undefined: not known. */
  isThere(node: NodeName): Promise<boolean | undefined> {
    return this.#bus.hasListener(this.#subject(node, presence), limits.memberLookMs);
  }

  async #answer(topic: string, answerer: Answerer, question: unknown): Promise<Answer> {
    if (this.#answering >= limits.nodeCalls) return overloaded;
    this.#answering++;
    try {
      return await answerer(question);
    } catch (cause) {
      const { code, retry, because } = WeftError.from(cause, `answer ${topic}`);
      if (code === "internal") this.#log.error("question failed", { topic, because });
      return { kind: "refused", code, retry, because };
    } finally {
      this.#answering--;
    }
  }

  #subject(node: NodeName, topic: string): string {
    return `${this.#prefix}.node.${node}.${topic}`;
  }
}

const overloaded: Answer = {
  kind: "refused",
  code: "overloaded",
  retry: "later",
  because: "too many questions between nodes are open",
};

function nobody(node: NodeName, because: string): Answer {
  return { kind: "refused", code: "unavailable", retry: "elsewhere", because: `node ${node} is not there: ${because}` };
}

function encode(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value ?? null));
}

function fitting(answer: Answer): Uint8Array {
  const data = encode(answer);
  if (data.length <= limits.nodeMessageBytes) return data;
  const because = `the answer has ${data.length} bytes, more than ${limits.nodeMessageBytes}`;
  return encode({ kind: "refused", code: "too-large", retry: "never", because } satisfies Answer);
}

function decode(data: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(data));
  } catch {
    return undefined;
  }
}
