/**
 * Questions on one connection, each answered at most once, at one inbox. Every write to the store is one, and a turn
 * waits for nothing else; the client's own request makes four promises, two timers and, when it succeeds, an Error.
 */
import {
  type Msg,
  type MsgHdrs,
  type NatsConnection,
  NoRespondersError,
  type PermissionViolationError,
} from "@nats-io/transport-node";
import type { Deadline } from "../deadline.ts";

interface Open {
  readonly subject: string;
  readonly answered: (message: Msg) => void;
  readonly failed: (cause: unknown) => void;
}

// The server's own answer to what nobody listens to: this status, and no data.
const nobodyListens = 503;

export class Questions {
  readonly #nats: NatsConnection;
  readonly #inbox: string;
  readonly #open = new Map<string, Open>();
  #asked = 0;
  #over: { readonly cause: unknown } | undefined;

  /** @param inbox a subject of this connection's alone. */
  constructor(nats: NatsConnection, inbox: string) {
    this.#nats = nats;
    this.#inbox = inbox;
    nats.subscribe(`${inbox}.*`, {
      callback: (failed, message) => {
        if (!failed) this.#take(message);
      },
    });
  }

  /** @throws NoRespondersError; what the deadline says; what `end` was told. Only the first means: not received. */
  ask(subject: string, payload: Uint8Array, until: Deadline, headers?: MsgHdrs): Promise<Msg> {
    return new Promise((resolve, reject) => {
      if (this.#over) return reject(this.#over.cause);
      if (until.ended) return reject(until.cause);
      const number = String(++this.#asked);
      const forget = until.onEnd((cause) => this.#close(number)?.failed(cause));
      const close = <T>(settle: (value: T) => void): ((value: T) => void) => {
        return (value) => {
          forget();
          settle(value);
        };
      };
      this.#open.set(number, { subject, answered: close(resolve), failed: close(reject) });
      try {
        this.#nats.publish(subject, payload, { reply: `${this.#inbox}.${number}`, ...(headers && { headers }) });
      } catch (cause) {
        this.#close(number)?.failed(cause);
      }
    });
  }

  /** The server refuses what was published there. */
  refused(violation: PermissionViolationError): void {
    for (const [number, { subject }] of this.#open) {
      if (violation.operation === "publish" && subject === violation.subject) this.#close(number)?.failed(violation);
    }
  }

  /** The connection is over: nothing is answered any more. */
  end(cause: unknown): void {
    this.#over ??= { cause };
    for (const number of [...this.#open.keys()]) this.#close(number)?.failed(cause);
  }

  #take(message: Msg): void {
    const open = this.#close(message.subject.slice(this.#inbox.length + 1));
    if (!open) return;
    if (message.data.length > 0 || message.headers?.code !== nobodyListens) open.answered(message);
    else open.failed(new NoRespondersError(open.subject));
  }

  #close(number: string): Open | undefined {
    const open = this.#open.get(number);
    this.#open.delete(number);
    return open;
  }
}
