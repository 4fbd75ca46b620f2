/**
 * One stream of the in-memory server: messages in order, one kept per key, appends applied whole or not at all under
 * compare-and-set. It stands for what a stream's leader holds; nodes reach it through a MemoryStore.
 */
import type { PlannedMessage } from "../append.ts";
import type { FramedMessage } from "../framing.ts";
import type { RecordKey, Sequence } from "../store.ts";

export type Applied = { readonly kind: "done"; readonly sequence: Sequence } | { readonly kind: "conflict" };

export class MemoryStream {
  readonly incarnation: string;
  readonly #messages = new Map<RecordKey, FramedMessage>();
  readonly #before = new Map<RecordKey, FramedMessage>();
  readonly #listeners = new Set<() => void>();
  #order: FramedMessage[] = [];
  #last: Sequence = 0;
  #appends = 0;

  constructor(incarnation: string) {
    this.incarnation = incarnation;
  }

  get last(): Sequence {
    return this.#last;
  }

  get(key: RecordKey): FramedMessage | undefined {
    return this.#messages.get(key);
  }

  /** What stood there one write ago. */
  before(key: RecordKey): FramedMessage | undefined {
    return this.#before.get(key);
  }

  apply(messages: readonly PlannedMessage[]): Applied {
    const fits = messages.every(({ key, expected }) => (this.#messages.get(key)?.sequence ?? 0) === expected);
    if (!fits) return { kind: "conflict" };
    const append = String(++this.#appends);
    for (const [at, { key, payload }] of messages.entries()) {
      const place = { append, index: at + 1, count: messages.length };
      const message = { key, payload, sequence: ++this.#last, ...(messages.length > 1 && { place }) };
      const before = this.#messages.get(key);
      if (before) this.#before.set(key, before);
      this.#messages.set(key, message);
      this.#order.push(message);
    }
    this.#compact();
    this.wake();
    return { kind: "done", sequence: this.#last };
  }

  /** Puts bytes at `key` as if another program had written them. */
  overwrite(key: RecordKey, payload: Uint8Array): void {
    const expected = this.#messages.get(key)?.sequence ?? 0;
    this.apply([{ key, payload, expected, operation: "" as PlannedMessage["operation"], epoch: 0 }]);
  }

  /** What is left of the messages after `sequence`, in order. */
  after(sequence: Sequence): FramedMessage[] {
    let low = 0;
    for (let high = this.#order.length; low < high; ) {
      const middle = (low + high) >> 1;
      if ((this.#order[middle]?.sequence ?? 0) > sequence) high = middle;
      else low = middle + 1;
    }
    return this.#order.slice(low).filter((message) => this.#messages.get(message.key) === message);
  }

  /** Lets every tail look for what is new. */
  wake(): void {
    for (const listener of this.#listeners) listener();
  }

  listen(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #compact(): void {
    if (this.#order.length < 2 * this.#messages.size + 64) return;
    this.#order = this.#order.filter((message) => this.#messages.get(message.key) === message);
  }
}
