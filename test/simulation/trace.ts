/** What happened, as one hash: two runs of one seed that differ anywhere differ here. With `keep`, as lines too. */
import { createHash } from "node:crypto";

export class Trace {
  readonly lines: string[] = [];
  noted = 0;
  readonly #hash = createHash("sha256");
  readonly #nowMs: () => number;
  readonly #keep: boolean;

  constructor(nowMs: () => number, keep: boolean) {
    this.#nowMs = nowMs;
    this.#keep = keep;
  }

  note(text: string): void {
    const line = `${this.#nowMs().toFixed(3)} ${text}`;
    this.noted++;
    this.#hash.update(line).update("\n");
    if (this.#keep) this.lines.push(line);
  }

  digest(): string {
    return this.#hash.copy().digest("hex").slice(0, 16);
  }
}
