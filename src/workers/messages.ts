/**
 * What goes to a worker and comes back: one tagged union each, plain data, bytes and KeyObjects, all of it structured
 * clone. A task is self-contained: a worker knows nothing but its message. Cold compile-and-diff joins this union.
 */
import type { Issuer } from "../certificates/issuer.ts";
import type { SvidAnswer, SvidOrderFor } from "../certificates/signer.ts";

export interface SignTask {
  readonly kind: "sign";
  /**
   * Its key is a KeyObject: a clone is a handle to the one native key (0.01 ms), where a PEM would be parsed for each
   * signature. It comes with every batch, so a worker never signs with an issuer that was replaced.
   */
  readonly issuer: Issuer;
  readonly requests: readonly SvidOrderFor[];
  readonly lifetimeMs: number;
  readonly nowMs: number;
}

export type Task = SignTask;

export interface SignResult {
  readonly kind: "sign";
  readonly answers: readonly SvidAnswer[];
}

export type TaskResult = SignResult;

/** The result that a task gets. */
export type ResultOf<T extends Task> = Extract<TaskResult, { readonly kind: T["kind"] }>;
