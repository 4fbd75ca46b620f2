/**
 * Tells a node the whole of what runs here. A set is sent at every change and whenever a node asks for it; changes of
 * one turn go together, and so do those that come while a set is under way; a failed call is repeated with the set of
 * that moment. Only what a node refuses for good (a malformed set) fails those who wait for it.
 */
import type { WorkloadSet, WorkloadSetReply } from "../certificates/attestation/protocol.ts";
import { WeftError } from "../platform/error.ts";
import { type RetryPorts, retrying } from "./retry.ts";

export interface RegistrationParts extends RetryPorts {
  current(): WorkloadSet;
  put(set: WorkloadSet): Promise<WorkloadSetReply>;
  readonly signal: AbortSignal;
}

interface Waiter {
  readonly change: number;
  resolve(reply: WorkloadSetReply): void;
  reject(cause: WeftError): void;
}

export class Registration {
  readonly #parts: RegistrationParts;
  #waiters: readonly Waiter[] = [];
  #changes = 0;
  #told = 0;
  #said = 0;
  #sending = false;

  constructor(parts: RegistrationParts) {
    this.#parts = parts;
  }

  /** Resolves with a node's answer to a set that was read after this call. */
  tell(): Promise<WorkloadSetReply> {
    const change = ++this.#changes;
    const told = new Promise<WorkloadSetReply>((resolve, reject) => {
      this.#waiters = [...this.#waiters, { change, resolve, reject }];
    });
    if (!this.#sending) {
      this.#sending = true;
      // Not before the turn ends: while an agent adopts its runs one by one, the set of this moment lacks the others,
      // and what a set lacks is withdrawn.
      queueMicrotask(() => void this.#sendAll());
    }
    return told;
  }

  /** The same, for whom the answer does not matter. */
  tellSoon(): void {
    this.tell().catch((cause) => {
      if (!this.#parts.signal.aborted)
        this.#parts.log.error("set-refused", { because: WeftError.from(cause, "").message });
    });
  }

  async #sendAll(): Promise<void> {
    while (this.#told < this.#changes) await this.#send();
    this.#sending = false;
  }

  async #send(): Promise<void> {
    let sent = this.#changes;
    const put = async (): Promise<WorkloadSetReply> => {
      sent = this.#changes;
      for (;;) {
        const reply = await this.#parts.put({ ...this.#parts.current(), said: this.#number() });
        if (reply.superseded === undefined) return reply;
        // An earlier run of this agent had a clock that was ahead.
        this.#said = Math.max(this.#said, reply.superseded);
      }
    };
    const what = "register this host's workloads";
    try {
      const reply = await retrying(this.#parts, put, { what, signal: this.#parts.signal });
      for (const waiter of this.#settle(sent)) waiter.resolve(reply);
    } catch (cause) {
      const error = WeftError.from(cause, what);
      for (const waiter of this.#settle(sent)) waiter.reject(error);
    }
  }

  #number(): number {
    this.#said = Math.max(this.#said + 1, this.#parts.clock.nowMs());
    return this.#said;
  }

  #settle(sent: number): readonly Waiter[] {
    this.#told = sent;
    const settled = this.#waiters.filter(({ change }) => change <= sent);
    this.#waiters = this.#waiters.filter(({ change }) => change > sent);
    return settled;
  }
}
