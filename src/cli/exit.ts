/** Exit statuses of meshctl, as scripts rely on them, and the one way a command ends early. */
export const exit = {
  good: 0,
  /** It failed; for `diff`: there are differences. */
  failed: 1,
  usage: 64,
  badInput: 65,
  findings: 79,
  waitTimedOut: 80,
  refusedByProxy: 81,
  testFailed: 82,
} as const;

/** One of the above, or the status of a command that `run` started. */
export type ExitStatus = number;

/** Ends a command: `message` goes to stderr (nothing when empty: it was said already), `status` to the shell. */
export class CommandFailure extends Error {
  readonly status: ExitStatus;

  constructor(status: ExitStatus, message: string) {
    super(message);
    this.name = "CommandFailure";
    this.status = status;
  }
}
