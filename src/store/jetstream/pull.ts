/**
 * One ordered pull consumer and the pulls on it, from a given sequence on, until something breaks: then it ends with the
 * reason and whoever holds it makes another. It never acknowledges and never asks for anything again, so what matters is
 * that the consumer's own sequence has no hole: a hole is a message lost on the way.
 *
 * The server sends a heartbeat each second when it has nothing else; it names the last message sent, so a lost one is
 * seen even if nothing follows. Two heartbeats missing: the pull, its consumer or its server is gone.
 */
import { AckPolicy, type ConsumerConfig, DeliverPolicy } from "@nats-io/jetstream";
import type { Msg, MsgHdrs, Subscription } from "@nats-io/transport-node";
import type { Clock, Timer } from "../../platform/clock.ts";
import { WeftError } from "../../platform/error.ts";
import { limits } from "../../platform/limits.ts";
import type { FramedMessage } from "../framing.ts";
import type { RecordKey, Sequence } from "../store.ts";
import { during, type Session } from "./connection.ts";
import { placeFrom } from "./headers.ts";
import { keyOf, type StreamNames, subjectOf } from "./names.ts";

export interface PullOptions {
  readonly session: Session;
  readonly names: StreamNames;
  readonly incarnation: string;
  readonly after: Sequence;
  /** Only these, and only up to there; then `all` is called. */
  readonly part?: { readonly kinds: readonly string[]; readonly until: Sequence; all(): void };
  readonly clock: Clock;
  message(message: FramedMessage): void;
  /** The stream holds something there that is no record of this incarnation. */
  foreign(sequence: Sequence): void;
  /** Once. Nothing is passed afterwards. */
  ended(reason: string): void;
}

interface Delivery {
  readonly sequence: Sequence;
  readonly consumerSequence: number;
  /** What the consumer has still to send. */
  readonly pending: number;
}

const nanosecondsPerMs = 1_000_000;
const heartbeatMs = 1_000;
const pullExpiresMs = 30_000;
// The server drops the consumer of a node that is gone after this, ms.
const consumerLeftMs = 10_000;
// Wait before a pull that ended without a message is made again, ms: it may end like that at once.
const emptyPullWaitMs = 50;
const statusHeartbeat = 100;
const statusNoResponders = 503;

export class Pull {
  readonly #options: PullOptions;
  readonly #subject: string;
  readonly #subscription: Subscription;
  #consumerSequence = 0;
  #left = 0;
  readonly #heartbeat: Timer;
  #heardAtMs = 0;
  #again: Timer | undefined;
  #over = false;
  /** When the last message came, by the monotonic clock. */
  progressAtMs: number;

  private constructor(options: PullOptions, consumer: string) {
    this.#options = options;
    this.#subject = `$JS.API.CONSUMER.MSG.NEXT.${options.names.stream}.${consumer}`;
    this.progressAtMs = options.clock.monotonicMs();
    const callback = (_: Error | null, message: Msg): void => this.#guarded(message);
    this.#subscription = options.session.nats.subscribe(options.session.inbox(), { callback });
    this.#heartbeat = options.clock.every(heartbeatMs, () => this.#checkHeard());
    options.session.over.addEventListener("abort", this.#onSessionOver);
    this.#ask();
  }

  /** Rejects when the consumer cannot be made. */
  static async begin(options: PullOptions): Promise<Pull> {
    const config: Partial<ConsumerConfig> = {
      ack_policy: AckPolicy.None,
      mem_storage: true,
      num_replicas: 1,
      max_waiting: 4,
      inactive_threshold: consumerLeftMs * nanosecondsPerMs,
      ...(options.after > 0
        ? { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: options.after + 1 }
        : { deliver_policy: DeliverPolicy.All }),
      ...(options.part && { filter_subjects: subjectsOf(options, options.part.kinds) }),
    };
    try {
      const made = await during(options.session, options.session.manager.consumers.add(options.names.stream, config));
      const pull = new Pull(options, made.name);
      if (made.num_pending === 0) pull.#all();
      return pull;
    } catch (cause) {
      const attempted = `make a consumer of ${options.names.stream}`;
      throw WeftError.from(cause, attempted, { code: "unavailable", retry: "later" });
    }
  }

  stop(): void {
    if (this.#over) return;
    this.#over = true;
    this.#heartbeat.cancel();
    this.#again?.cancel();
    this.#options.session.over.removeEventListener("abort", this.#onSessionOver);
    if (!this.#options.session.nats.isClosed()) this.#subscription.unsubscribe();
  }

  #all(): void {
    if (this.#over || !this.#options.part) return;
    this.stop();
    this.#options.part.all();
  }

  readonly #onSessionOver = (): void => this.#end("the connection ended");

  #end(reason: string): void {
    if (this.#over) return;
    this.stop();
    this.#options.ended(reason);
  }

  #ask(): void {
    if (this.#over) return;
    this.#left = limits.tailPullMessages;
    const request = {
      batch: limits.tailPullMessages,
      max_bytes: limits.tailPullBytes,
      expires: pullExpiresMs * nanosecondsPerMs,
      idle_heartbeat: heartbeatMs * nanosecondsPerMs,
    };
    this.#heard();
    const { nats } = this.#options.session;
    if (!nats.isClosed())
      nats.publish(this.#subject, JSON.stringify(request), { reply: this.#subscription.getSubject() });
  }

  #heard(): void {
    this.#heardAtMs = this.#options.clock.monotonicMs();
  }

  #checkHeard(): void {
    if (this.#options.clock.monotonicMs() - this.#heardAtMs > 2 * heartbeatMs) this.#end("no heartbeat");
  }

  /** The client swallows what a callback throws and stops reading; a broken invariant must be seen instead. */
  #guarded(message: Msg): void {
    try {
      this.#take(message);
    } catch (cause) {
      queueMicrotask(() => {
        throw cause;
      });
    }
  }

  #take(message: Msg): void {
    if (this.#over) return;
    this.#heard();
    const delivery = deliveryFrom(message.reply);
    if (!delivery) this.#status(message.headers);
    else if (delivery.consumerSequence !== this.#consumerSequence + 1) this.#end("a message was lost on the way");
    else this.#message(message, delivery);
  }

  #message(message: Msg, delivery: Delivery): void {
    this.#consumerSequence = delivery.consumerSequence;
    this.#left--;
    this.progressAtMs = this.#options.clock.monotonicMs();
    const { names, incarnation, part } = this.#options;
    // What was written since comes with everything else.
    if (part && delivery.sequence > part.until) {
      this.#all();
      return;
    }
    const key = keyOf(names, incarnation, message.subject);
    const place = placeFrom(message.headers);
    const { sequence } = delivery;
    if (key) this.#options.message({ key, sequence, payload: message.data, ...(place && { place }) });
    else this.#options.foreign(sequence);
    if (delivery.pending === 0) this.#all();
    if (this.#left === 0) this.#ask();
  }

  #status(headers: MsgHdrs | undefined): void {
    if (headers?.code === statusHeartbeat) {
      const sent = Number(headers.get("Nats-Last-Consumer"));
      if (sent > this.#consumerSequence) this.#end("a message was lost on the way");
    } else if (headers?.code === statusNoResponders) {
      this.#end("the consumer is gone");
    } else {
      this.#askSoon();
    }
  }

  /** Any other status ended the pull, not the consumer: it expired, its bytes are used up, the leader changed. */
  #askSoon(): void {
    const waitMs = this.#left < limits.tailPullMessages ? 0 : emptyPullWaitMs;
    this.#again?.cancel();
    this.#again = this.#options.clock.after(waitMs, () => this.#ask());
  }
}

/**
 * Where a message stands in the stream and in the consumer, from its reply subject (NATS ADR-15):
 * $JS.ACK.[domain.account.]stream.consumer.delivered.streamSequence.consumerSequence.time.pending[.random]
 */
function deliveryFrom(reply: string | undefined): Delivery | undefined {
  if (!reply?.startsWith("$JS.ACK.")) return undefined;
  const tokens = reply.split(".");
  const at = tokens.length === 9 ? 5 : 7;
  const [sequence = 0, consumerSequence = 0, , pending = 0] = tokens.slice(at).map(Number);
  return { sequence, consumerSequence, pending };
}

function subjectsOf({ names, incarnation }: PullOptions, kinds: readonly string[]): string[] {
  return kinds.map((kind) => `${subjectOf(names, incarnation, kind as RecordKey)}.>`);
}
