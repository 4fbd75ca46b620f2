/**
 * The store's port: what is true. Two streams, `records` (everything durable that compile reads, except endpoints) and
 * `endpoints`. Every write is a compare-and-set on its key's last sequence; several keys of `records` go in one atomic
 * batch. Implemented over JetStream (jetstream/) and in memory (memory/), held to one conformance suite.
 *
 * A write has three outcomes. `done` and `refused` are certain. `unknown` (no answer, or an answer that may hide an
 * earlier attempt) is closed only by a later compare-and-set on the same key: reading can prove that it happened, never
 * that it did not. Every write carries an operation id; a record remembers the last ones, so a retry of an operation
 * that did happen is recognized and answered `done` with the sequence it had.
 */
import type { Branded, Revision } from "../model/names.ts";

export type StreamName = "records" | "endpoints";
/** Dotted, escaped subject tokens: object.VirtualService.default.reviews (see keys.ts). */
export type RecordKey = Branded<"record key">;
export type Sequence = number;
export type OperationId = Branded<"operation id">;

/** Stands for a value that is kept as what it was decoded to, and not a second time. */
export const keptDecoded: unique symbol = Symbol("kept decoded");

export interface StoreRecord {
  readonly key: RecordKey;
  /** Sequence of its last write; what the next compare-and-set must name. */
  readonly sequence: Sequence;
  /** undefined: deleted (a tombstone, so that the sequence lives on). */
  readonly value: unknown;
  /** Last operations applied to it, oldest first, with the sequence each got. At most limits.operationsRemembered. */
  readonly operations: readonly { readonly id: OperationId; readonly sequence: Sequence }[];
  /** Epoch of the activation that wrote it; 0 when no actor owns it. */
  readonly epoch: number;
  /** Of the stream it was read from. A write that saw it in another one is refused: sequences of two say nothing. */
  readonly incarnation?: string;
  /** Fields of the envelope that this version does not know; a write that has seen them carries them on. */
  readonly extra?: Readonly<Record<string, unknown>>;
}

export interface Write {
  readonly key: RecordKey;
  /** undefined deletes. */
  readonly value: unknown;
  /** The record as the writer saw it; undefined: the key must never have been written. */
  readonly seen: StoreRecord | undefined;
  /** Absent: the epoch of what was seen stays. */
  readonly epoch?: number;
}

/** Goes last in a batch, as log.<ulid>: history, time travel and undo are rebuilt from it. */
export interface LogEntry {
  readonly who: string;
  readonly what: string;
  readonly atMs: number;
  readonly changes: readonly { readonly key: RecordKey; readonly before: unknown; readonly after: unknown }[];
}

export interface Append {
  readonly operation: OperationId;
  readonly writes: readonly Write[];
  /** It was appended before, and its outcome is unknown. Set by resolve.ts. */
  readonly again?: true;
  /**
   * Absent: what was done stands in the record's own headers (operation, epoch) and goes when it is overwritten. Given:
   * an own record, so the append is a batch even with one write.
   */
  readonly log?: LogEntry;
}

export type Outcome =
  /**
   * `earlier`: the record remembers the operation. It was applied by an attempt before, this caller's or, under the same
   * operation, somebody else's; the record may have been written since, and need not be what this append says.
   */
  | { readonly kind: "done"; readonly sequence: Sequence; readonly earlier?: true }
  /**
   * Nothing of the append was applied, nor will it be. `conflict` (also when `code` is absent): somebody else wrote
   * first, or the record exists; read again and decide anew. `too-large`: a limit, which no retry helps.
   */
  | {
      readonly kind: "refused";
      readonly key: RecordKey | undefined;
      readonly because: string;
      readonly code?: "conflict" | "too-large";
    }
  | { readonly kind: "unknown"; readonly because: string };

/** One record as it passes on the tail. */
export interface Entry {
  readonly record: StoreRecord;
  /** CRC-32 of its stored bytes, for the checksums that nodes compare. */
  readonly crc32?: number;
}

export interface TailHandler {
  /**
   * What is wanted, by a key's first token; others may come all the same. A first reading is of these alone: a log may be a
   * hundred times as long as all the rest. Absent: everything.
   */
  readonly kinds?: readonly string[];
  /**
   * Called once per append, with all its entries, in stream order; `sequence` is the append's last. Where records were
   * overwritten before they could be passed (a first replay, this node was away), several appends come as one, up to a
   * point where nothing is missing; in `endpoints`, whose records mean nothing to each other, what is left of each.
   */
  batch(entries: readonly Entry[], sequence: Sequence): void;
  /**
   * The stream is not what it was (new incarnation, last sequence below ours): everything follows again from the first
   * record, then `synced`.
   */
  reset(reason: string): void;
  /** Everything up to `sequence`, read at the leader when the tail began or reset (at `askedMs`), has been passed. */
  synced(sequence: Sequence, incarnation?: string, askedMs?: number): void;
  /** A record whose bytes cannot be understood, called just before its batch, which leaves it out. */
  undecodable?(key: RecordKey, sequence: Sequence, because: string): void;
  /**
   * Everything that was in the stream when its leader was asked, at `askedMs` of the monotonic clock, has been passed:
   * this tail is fresh as of then.
   */
  fresh?(sequence: Sequence, askedMs: number): void;
}

export interface Tail {
  /** Everything follows again from the first record, as after a reset: what was passed is not believed any more. */
  again(reason: string): void;
  stop(): Promise<void>;
}

export interface Store {
  /** Random, fixed when the stream was created; a restored or recreated stream has another. */
  incarnation(stream: StreamName): string;
  append(stream: StreamName, append: Append, signal?: AbortSignal): Promise<Outcome>;
  /** From the stream's leader, never from a follower or a cache. undefined: never written. */
  read(stream: StreamName, key: RecordKey, signal?: AbortSignal): Promise<StoreRecord | undefined>;
  /** The leader's last sequence: the barrier that a replica must have passed to be fresh. */
  lastSequence(stream: StreamName, signal?: AbortSignal): Promise<Sequence>;
  tail(stream: StreamName, handler: TailHandler): Tail;
  close(): Promise<void>;
}

export function revisionOf(incarnation: string, sequence: Sequence): Revision {
  return `${incarnation}-${sequence}` as Revision;
}
