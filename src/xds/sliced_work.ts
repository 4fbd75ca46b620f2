/**
 * Work that is done in its order, a slice of it in each turn of the event loop, so that everybody else has a turn between
 * two slices.
 */
export class SlicedWork {
  readonly #beginSlice: () => (done: number) => boolean;
  readonly #left: (() => void)[] = [];
  #coming = false;

  /** @param beginSlice answers whether a slice goes on when so much of it is done; its first work always is. */
  constructor(beginSlice: () => (done: number) => boolean) {
    this.#beginSlice = beginSlice;
  }

  /** In its order, soon. */
  add(work: () => void): void {
    this.#left.push(work);
    this.#go();
  }

  #go(): void {
    if (this.#coming || this.#left.length === 0) return;
    this.#coming = true;
    setImmediate(() => this.#slice());
  }

  #slice(): void {
    const goesOn = this.#beginSlice();
    let done = 0;
    do this.#left[done++]?.();
    while (done < this.#left.length && goesOn(done));
    this.#left.splice(0, done);
    this.#coming = false;
    this.#go();
  }
}
