/**
 * A bounded first-in, first-out queue with one asynchronous reader. When it is full, `offer` answers false and the
 * refusal is counted: the caller says so to whoever sent the item, nothing is dropped in silence.
 */
export class BoundedQueue<T> {
  readonly #limit: number;
  #items: T[] = [];
  #wake: (() => void) | undefined;
  #closed = false;
  refused = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#items.length;
  }

  offer(item: T): boolean {
    if (this.#closed || this.#items.length >= this.#limit) {
      this.refused++;
      return false;
    }
    this.#items.push(item);
    this.#wake?.();
    return true;
  }

  /** What is still queued is read first, then the reader ends. */
  close(): void {
    this.#closed = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (;;) {
      const batch = this.#items;
      this.#items = [];
      yield* batch;
      if (this.#items.length > 0) continue;
      if (this.#closed) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }
}
