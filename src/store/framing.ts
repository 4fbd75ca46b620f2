/**
 * From a stream's messages back to its appends. Pure; the tails feed it.
 *
 * An append's messages stand in the stream one after the other, each marked with its place (2 of 3) and its append's
 * id. A stream keeps one message per key, so a message is missing as soon as a later one has overwritten it, and then
 * that later one stands further on: an append is over at its last message or where another append begins.
 *
 * A tail that follows closely misses nothing. One that comes late sees gaps, and between a gap and the message that
 * overwrote it the records are torn: one half of an append already passed, the other not yet. So from a gap on, all is
 * held, and given out as one batch when the leader's last sequence, read after the newest gap, has been reached.
 *
 *   following ──gap──▶ asking (for a barrier) ──barrier──▶ holding ──barrier reached──▶ following
 *                          ▲                                │
 *                          └─────── a gap while holding ────┘
 */
import { invariant } from "../platform/error.ts";
import type { RecordKey, Sequence } from "./store.ts";

export interface FramedMessage {
  readonly key: RecordKey;
  readonly sequence: Sequence;
  readonly payload: Uint8Array;
  /** Its place in its append; absent for an append of one. */
  readonly place?: { readonly append: string; readonly index: number; readonly count: number };
}

export interface Frame {
  readonly messages: readonly FramedMessage[];
  readonly sequence: Sequence;
}

type State =
  | { readonly kind: "following" }
  | { readonly kind: "asking"; readonly frames: FramedMessage[]; readonly question: number }
  | { readonly kind: "holding"; readonly frames: FramedMessage[]; readonly barrier: Sequence };

/** Where the append ended that wrote `message`. */
export function appendEnd({ sequence, place }: FramedMessage): Sequence {
  return place ? sequence + place.count - place.index : sequence;
}

export class Framer {
  /** Last sequence seen, whether given out or not. */
  #seen: Sequence;
  /** Last sequence given out. */
  #passed: Sequence;
  #open: FramedMessage[] = [];
  #state: State = { kind: "following" };
  #questions = 0;
  readonly #holds: boolean;

  /** @param holds whether what follows a gap is held back; needless where records mean nothing to each other. */
  constructor(after: Sequence, holds: boolean) {
    this.#seen = after;
    this.#passed = after;
    this.#holds = holds;
  }

  get seen(): Sequence {
    return this.#seen;
  }

  get passed(): Sequence {
    return this.#passed;
  }

  /** When set, the caller reads the leader's last sequence and gives it to `barrier` with this number. */
  get question(): number | undefined {
    return this.#state.kind === "asking" ? this.#state.question : undefined;
  }

  push(message: FramedMessage): Frame[] {
    invariant(message.sequence > this.#seen, "a tail's messages come in the stream's order");
    if (this.#holds && message.sequence > this.#seen + 1) this.#hold();
    const continues = message.place !== undefined && this.#open[0]?.place?.append === message.place.append;
    const frames = continues ? [] : this.#close();
    this.#seen = message.sequence;
    this.#open.push(message);
    if (!message.place || message.place.index === message.place.count) frames.push(...this.#close());
    return frames;
  }

  /**
   * A message of the stream that is no record of it: of an earlier incarnation, or of a restore that was not completed.
   * Where a frame would end, one without messages says how far the stream has been passed.
   */
  pass(sequence: Sequence): Frame[] {
    invariant(sequence > this.#seen, "a tail's messages come in the stream's order");
    if (this.#holds && sequence > this.#seen + 1) this.#hold();
    const frames = this.#close();
    this.#seen = sequence;
    if (this.#state.kind === "following") this.#passed = sequence;
    else frames.push(...this.#release());
    const nothingOpen = this.#passed === sequence && frames.length === 0;
    return nothingOpen ? [{ messages: [], sequence }] : frames;
  }

  /** The leader's last sequence, read after `question` was asked. An answer to an older question says nothing. */
  barrier(last: Sequence, question: number): Frame[] {
    if (this.#state.kind !== "asking" || this.#state.question !== question) return [];
    this.#state = { kind: "holding", frames: this.#state.frames, barrier: last };
    return this.#release();
  }

  /** Nothing between what was seen and `last` exists any more. */
  skipTo(last: Sequence): Frame[] {
    const frames = this.#close();
    this.#seen = Math.max(this.#seen, last);
    frames.push(...this.#release());
    if (this.#state.kind === "following") this.#passed = this.#seen;
    return frames;
  }

  /**
   * What stands before `to` and was wanted has been seen. It may be torn as after a gap: what was overwritten meanwhile
   * stands behind `to`.
   */
  jump(to: Sequence): Frame[] {
    const frames = this.#close();
    this.#seen = Math.max(this.#seen, to);
    if (this.#holds) this.#hold();
    else this.#passed = this.#seen;
    return frames;
  }

  /** Gives out what is held, torn or not. */
  giveUp(): Frame[] {
    if (this.#state.kind === "following") return [];
    this.#state = { kind: "holding", frames: this.#state.frames, barrier: 0 };
    return this.#release();
  }

  #hold(): void {
    const frames = this.#state.kind === "following" ? [] : this.#state.frames;
    this.#state = { kind: "asking", frames, question: ++this.#questions };
  }

  #close(): Frame[] {
    const messages = this.#open;
    const last = messages.at(-1);
    if (!last) return [];
    this.#open = [];
    if (this.#state.kind === "following") {
      this.#passed = last.sequence;
      return [{ messages, sequence: last.sequence }];
    }
    this.#state.frames.push(...messages);
    return this.#release();
  }

  #release(): Frame[] {
    const state = this.#state;
    const complete = this.#open.length === 0;
    if (state.kind !== "holding" || !complete || this.#seen < state.barrier) return [];
    this.#state = { kind: "following" };
    this.#passed = this.#seen;
    return state.frames.length > 0 ? [{ messages: state.frames, sequence: this.#seen }] : [];
  }
}
