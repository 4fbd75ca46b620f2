/**
 * The one error class. It says what was attempted, on what, and what to do next; `code` is closed, so nobody matches
 * on text. A user's mistake is not an error but a value (see model/problem.ts). Wrap once, at the boundary.
 */
export type ErrorCode =
  | "unavailable" // a part that is needed does not answer
  | "conflict" // somebody else wrote first
  | "unknown-outcome" // the write may or may not have happened
  | "too-large" // a limit on size
  | "overloaded" // a bounded queue is full
  | "not-found"
  | "denied" // authentication or authorization
  | "invalid" // malformed input from another program
  | "timeout"
  | "cancelled"
  | "internal"; // a broken invariant

/** Whether and where the same call can be expected to succeed. */
export type Retry = "never" | "later" | "elsewhere";

export interface ErrorDetails {
  readonly code: ErrorCode;
  readonly retry: Retry;
  /** What was being done, and on what: "write record service.default.reviews". */
  readonly attempted: string;
  /** What went wrong, in one clause. */
  readonly because: string;
  /** What the reader can do now, if anything. */
  readonly next?: string;
  readonly cause?: unknown;
}

export class WeftError extends Error {
  readonly code: ErrorCode;
  readonly retry: Retry;
  readonly attempted: string;
  readonly because: string;
  readonly next: string | undefined;

  constructor(details: ErrorDetails) {
    const next = details.next ? `; ${details.next}` : "";
    super(`${details.attempted}: ${details.because}${next}`, { cause: details.cause });
    this.name = "WeftError";
    this.code = details.code;
    this.retry = details.retry;
    this.attempted = details.attempted;
    this.because = details.because;
    this.next = details.next;
  }

  static from(cause: unknown, attempted: string, hint?: Partial<ErrorDetails>): WeftError {
    if (cause instanceof WeftError) return cause;
    const because = cause instanceof Error ? cause.message : String(cause);
    return new WeftError({ code: "internal", retry: "never", because, ...hint, attempted, cause });
  }
}

/** For what cannot be: the process must not go on after it. */
export function invariant(holds: boolean, statement: string): asserts holds {
  if (!holds)
    throw new WeftError({ code: "internal", retry: "never", attempted: "hold an invariant", because: statement });
}

/** Ends a switch over a closed union; a new member fails to compile. */
export function unreachable(never: never): never {
  throw new WeftError({
    code: "internal",
    retry: "never",
    attempted: "switch",
    because: `unexpected ${String(never)}`,
  });
}
