/** Offsets in a text → lines and columns, both 1-based. */
import type { SourcePosition } from "../../model/problem.ts";

export class Lines {
  readonly #starts: number[] = [0];
  readonly #file: string | undefined;

  constructor(text: string, file: string | undefined) {
    for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) this.#starts.push(at + 1);
    this.#file = file;
  }

  position(offset: number): SourcePosition {
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.#starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    const place = { line: low + 1, column: offset - (this.#starts[low] ?? 0) + 1 };
    return this.#file === undefined ? place : { file: this.#file, ...place };
  }
}
