/**
 * Checksums of one stream at its last positions, for the comparison between nodes: they stand at the same position for a
 * moment only, so each remembers where it has been. A node that came late passes positions with records missing that
 * were overwritten later; of such it keeps no mark, because another node's would rightly differ.
 */
import { limits } from "../platform/limits.ts";
import type { Sequence } from "./store.ts";

export interface Mark {
  readonly position: Sequence;
  readonly checksum: string;
}

export class Marks {
  #marks: Mark[] = [];
  /** When a sequence was last found missing, until it is known that nothing is any more; undefined: nothing is. */
  #tornMs: number | undefined = Number.NEGATIVE_INFINITY;

  /** Records are missing between what is held and what comes now. */
  torn(nowMs: number): void {
    this.#tornMs = nowMs;
  }

  /** All is held that the leader had at `askedMs`, so whatever was missing before has come. */
  whole(askedMs: number): void {
    if (this.#tornMs !== undefined && askedMs > this.#tornMs) this.#tornMs = undefined;
  }

  note(position: Sequence, checksum: string): void {
    if (this.#tornMs !== undefined || this.#marks.at(-1)?.position === position) return;
    this.#marks.push({ position, checksum });
    if (this.#marks.length > 2 * limits.checksumMarks) this.#marks = this.#marks.slice(-limits.checksumMarks);
  }

  /** The newest last. */
  newest(count: number): readonly Mark[] {
    return this.#marks.slice(-count);
  }
}
