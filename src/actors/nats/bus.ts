/**
 * Messages between nodes over core NATS, on a connection of their own: a heartbeat must not wait behind a replay of the
 * store. Subscriptions are made again with every new connection. What is published while there is none is lost, and
 * counted: whoever publishes says it again, or does not need it.
 */
import { type Msg, type NatsConnection, NoRespondersError } from "@nats-io/transport-node";
import { type Clock, sleep } from "../../platform/clock.ts";
import { limits } from "../../platform/limits.ts";
import { Deadline } from "../../store/deadline.ts";
import type { Connection, Session } from "../../store/jetstream/connection.ts";

export type Handler = (data: Uint8Array, reply: (data: Uint8Array) => void) => void;

export type BusAnswer =
  | { readonly kind: "answer"; readonly data: Uint8Array }
  /** It certainly was not received. */
  | { readonly kind: "nobody"; readonly because: string }
  /** It may have been. */
  | { readonly kind: "silent"; readonly because: string };

// Between an end that was seen here and the connection's own notice of it, ms.
const overPauseMs = 10;

export class NatsBus {
  readonly #connection: Connection;
  readonly #clock: Clock;
  readonly #subscriptions = new Map<symbol, { readonly subject: string; readonly handler: Handler }>();
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;
  #live: Session | undefined;
  /** Messages not published because there was no connection, or because they were too large. */
  lost = 0;

  constructor(connection: Connection, clock: Clock) {
    this.#connection = connection;
    this.#clock = clock;
    this.#running = this.#run();
  }

  publish(subject: string, data: Uint8Array): void {
    const nats = this.#live?.nats;
    if (!nats || nats.isClosed() || data.length > limits.nodeMessageBytes) this.lost++;
    else nats.publish(subject, data);
  }

  subscribe(subject: string, handler: Handler): () => void {
    const key = Symbol(subject);
    this.#subscriptions.set(key, { subject, handler });
    const live = this.#live;
    const subscription = live && !live.nats.isClosed() ? listen(live.nats, subject, handler) : undefined;
    return () => {
      this.#subscriptions.delete(key);
      if (subscription && this.#live === live && !live?.nats.isClosed()) subscription.unsubscribe();
    };
  }

  async request(subject: string, data: Uint8Array, timeoutMs: number): Promise<BusAnswer> {
    const session = this.#live;
    if (!session || session.nats.isClosed()) return { kind: "nobody", because: "this node has no connection to NATS" };
    if (data.length > limits.nodeMessageBytes) return { kind: "nobody", because: "the message is too large" };
    const until = new Deadline(this.#clock, Math.max(0, timeoutMs), `ask ${subject}`);
    try {
      const answer = await session.questions.ask(subject, data, until);
      return { kind: "answer", data: answer.data };
    } catch (cause) {
      if (cause instanceof NoRespondersError) return { kind: "nobody", because: "nobody listens" };
      return { kind: "silent", because: cause instanceof Error ? cause.message : String(cause) };
    } finally {
      until.clear();
    }
  }

  /** Whether anybody listens to a subject whose listeners answer; undefined: not known. */
  async hasListener(subject: string, timeoutMs: number): Promise<boolean | undefined> {
    const session = this.#live;
    if (!session || session.nats.isClosed()) return undefined;
    const asked = await this.request(subject, new Uint8Array(), timeoutMs);
    if (asked.kind === "nobody") return session.over.aborted ? undefined : false;
    return asked.kind === "answer" ? true : undefined;
  }

  /** Sends what was published, then closes. */
  async close(): Promise<void> {
    const nats = this.#live?.nats;
    if (nats && !nats.isClosed()) await nats.flush().catch(() => {});
    this.#closing.abort();
    await this.#connection.close();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      const session = await this.#connection.session(this.#closing).catch(() => undefined);
      if (session && !session.over.aborted) {
        for (const { subject, handler } of this.#subscriptions.values()) listen(session.nats, subject, handler);
        this.#live = session;
        await over(session.over);
        this.#live = undefined;
      }
      await sleep(this.#clock, overPauseMs, signal).catch(() => {});
    }
  }
}

function listen(nats: NatsConnection, subject: string, handler: Handler) {
  const callback = (failed: Error | null, message: Msg): void => {
    if (failed) return;
    // The client swallows what a callback throws; a broken invariant must be seen instead.
    try {
      handler(message.data, (data) => {
        if (!nats.isClosed()) message.respond(data);
      });
    } catch (cause) {
      queueMicrotask(() => {
        throw cause;
      });
    }
  };
  return nats.subscribe(subject, { callback });
}

function over(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
