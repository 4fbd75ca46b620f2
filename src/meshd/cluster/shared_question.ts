/**
 * A question whose answer serves everybody who asked before it was put: those who come while one is under way share the
 * next, so a thousand askers cost two.
 */
export class SharedQuestion<T> {
  readonly #put: () => Promise<T>;
  #underWay: Promise<T> | undefined;
  #next: Promise<T> | undefined;

  /** @param put never rejects. */
  constructor(put: () => Promise<T>) {
    this.#put = put;
  }

  /** The answer to a question that is put not before this call. */
  ask(): Promise<T> {
    if (this.#underWay === undefined) return this.#begin();
    this.#next ??= this.#underWay.then(() => {
      this.#next = undefined;
      return this.#begin();
    });
    return this.#next;
  }

  #begin(): Promise<T> {
    const asking = this.#put();
    this.#underWay = asking;
    const done = (): void => {
      if (this.#underWay === asking) this.#underWay = undefined;
    };
    asking.then(done, done);
    return asking;
  }
}
