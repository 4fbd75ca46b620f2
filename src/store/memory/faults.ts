/**
 * How an in-memory store misbehaves. Every share is a probability in [0, 1] drawn from the store's own seeded `Random`,
 * so one seed is one history. All zero: a store that never fails. The object may be changed while the store runs.
 *
 * Never simulated, because JetStream's rules exclude it: half an append, an acknowledged write that is lost.
 */
export interface MemoryFaults {
  /** Time an answer takes, ms; 0: at once. */
  latencyMs: number;
  /** A node that gets no answer waits up to this long before it calls the outcome unknown, ms; 0: it is told at once. */
  silenceMs: number;
  /** The append happens, its answer is lost: `unknown`. */
  lostAnswer: number;
  /** The append never reaches the stream: `unknown` all the same. */
  lostAppend: number;
  /** `unknown` at once; the append reaches the stream only later, up to `lateCommitMs` on, if it still can. */
  lateCommit: number;
  lateCommitMs: number;
  /** A read or a leader's barrier fails: unavailable. */
  failedRead: number;
  /** A read is answered with what stood there one write before, as by a leader that does not know yet that it is none. */
  staleRead: number;
  /** A batch is passed to a tail twice. */
  duplicateDelivery: number;
  /** A tail stands still for up to `tailPauseMs`, and misses what is overwritten meanwhile. */
  tailPause: number;
  tailPauseMs: number;
  /** A tail begins again from the first record, with `reset`. */
  tailReset: number;
}

export const noFaults: Readonly<MemoryFaults> = {
  latencyMs: 0,
  silenceMs: 0,
  lostAnswer: 0,
  lostAppend: 0,
  lateCommit: 0,
  lateCommitMs: 1_000,
  failedRead: 0,
  staleRead: 0,
  duplicateDelivery: 0,
  tailPause: 0,
  tailPauseMs: 1_000,
  tailReset: 0,
};
