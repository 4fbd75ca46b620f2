/**
 * A user's mistake, as a value: where it stands, what is wrong, what to write instead. `code` is stable
 * (MSHnnnn, listed in docs/problems.md) so that programs and searches find it.
 */
export type Severity = "error" | "warning" | "info";

export interface SourcePosition {
  /** As the user named it; "-" for standard input; absent for what came by the API without a file. */
  readonly file?: string;
  /** 1-based. */
  readonly line: number;
  readonly column: number;
}

export interface Problem {
  readonly code: `MSH${number}`;
  readonly severity: Severity;
  readonly position?: SourcePosition;
  /** "virtualservice default/reviews", when it is known. */
  readonly object?: string;
  /** Path of the field: spec.http[0].route[1].weight */
  readonly field?: string;
  /** What is wrong and, in the same sentence, what to write instead. */
  readonly message: string;
}

export function isError(problem: Problem): boolean {
  return problem.severity === "error";
}

/** file:line:column: severity code object field: message — the form editors and people can follow. */
export function printProblem(problem: Problem): string {
  const { position, object, field } = problem;
  const where = position ? `${position.file ?? "input"}:${position.line}:${position.column}: ` : "";
  const subject = [object, field].filter((part) => part !== undefined).join(" ");
  return `${where}${problem.severity} ${problem.code}: ${subject ? `${subject}: ` : ""}${problem.message}`;
}
