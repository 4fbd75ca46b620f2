/**
 * Gathers problems while something is read. Errors and warnings are capped apart, so that a flood of warnings never
 * hides an error; what was left out is counted at the end.
 */
import type { Problem, SourcePosition } from "../model/problem.ts";
import { limits } from "../platform/limits.ts";
import { type FieldPath, printPath } from "./document/node.ts";
import { type ProblemCode, problemCodes } from "./problem_codes.ts";

export interface Found {
  readonly code: ProblemCode;
  readonly message: string;
  /** From the document's root: ["spec", "http", 0]. */
  readonly path?: FieldPath;
  readonly position?: SourcePosition | undefined;
  readonly object?: string | undefined;
}

export class Report {
  readonly #told: Problem[] = [];
  readonly #count = { error: 0, warning: 0, info: 0 };

  add({ code, message, path, position, object }: Found): void {
    const { severity } = problemCodes[code];
    this.#count[severity] += 1;
    if (this.#count[severity] > limits.problemsTold) return;
    const field = path && path.length > 0 ? printPath(path) : undefined;
    this.#told.push({
      code,
      severity,
      ...(position ? { position } : {}),
      ...(object === undefined ? {} : { object }),
      ...(field === undefined ? {} : { field }),
      message,
    });
  }

  get errors(): number {
    return this.#count.error;
  }

  problems(): readonly Problem[] {
    const { error, warning } = this.#count;
    const hidden = [
      ...(error > limits.problemsTold ? [`${error - limits.problemsTold} more errors`] : []),
      ...(warning > limits.problemsTold ? [`${warning - limits.problemsTold} more warnings`] : []),
    ];
    if (hidden.length === 0) return [...this.#told];
    const code: ProblemCode = "MSH1008";
    const message = `${hidden.join(" and ")} are not shown; mend those above first`;
    return [...this.#told, { code, severity: problemCodes[code].severity, message }];
  }
}
