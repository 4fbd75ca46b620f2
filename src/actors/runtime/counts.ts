/** What the runtime counts, for metrics and tests. Each only rises. */
export interface ActorCounts {
  activations: number;
  turns: number;
  writes: number;
  /** Turns answered from the record: an operation that was done before. */
  repeated: number;
  /** Writes refused because somebody else wrote: the activation ended. */
  refusedWrites: number;
  unknownWrites: number;
  /** Requests refused because a mailbox was full. */
  mailboxFull: number;
  /** Requests refused because the actor belongs elsewhere. */
  misplaced: number;
  wakes: number;
  effectsFailed: number;
}

export function zeroCounts(): ActorCounts {
  return {
    activations: 0,
    turns: 0,
    writes: 0,
    repeated: 0,
    refusedWrites: 0,
    unknownWrites: 0,
    mailboxFull: 0,
    misplaced: 0,
    wakes: 0,
    effectsFailed: 0,
  };
}
