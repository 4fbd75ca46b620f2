/**
 * What the API answers when it does not do what was asked: RFC 9457 problem details with a stable `code`. A handler
 * throws `ApiRefusal`; whatever else is thrown becomes one here.
 */
import { type Problem, printProblem } from "../model/problem.ts";
import { type ErrorCode, WeftError } from "../platform/error.ts";

/** Stable: programs match on it. */
export type ApiCode =
  | "bad-request"
  | "invalid-input"
  | "unauthorized"
  | "forbidden-host"
  | "forbidden-origin"
  | "denied"
  | "not-found"
  | "method-not-allowed"
  | "conflict"
  | "port-protocol-conflict"
  | "incarnation-changed"
  | "precondition-failed"
  | "too-large"
  | "too-many-requests"
  | "overloaded"
  | "unavailable"
  | "unknown-outcome"
  | "timeout"
  | "internal";

const statuses: Readonly<Record<ApiCode, number>> = {
  "bad-request": 400,
  unauthorized: 401,
  "forbidden-host": 403,
  "forbidden-origin": 403,
  denied: 403,
  "not-found": 404,
  "method-not-allowed": 405,
  conflict: 409,
  "port-protocol-conflict": 409,
  "incarnation-changed": 409,
  "precondition-failed": 412,
  "too-large": 413,
  "invalid-input": 422,
  "too-many-requests": 429,
  internal: 500,
  overloaded: 503,
  unavailable: 503,
  "unknown-outcome": 503,
  timeout: 504,
};

export interface ProblemDetails {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  /** An ApiCode; to agents also one of attestation's own. */
  readonly code: string;
  readonly detail: string;
  /** With invalid-input: every mistake, with its place. */
  readonly problems?: readonly Problem[];
}

export class ApiRefusal extends Error {
  readonly code: ApiCode;
  readonly problems: readonly Problem[];
  /** What callers are told instead of `code`, where another protocol has its own words. */
  readonly told: string;

  constructor(code: ApiCode, detail: string, more: { problems?: readonly Problem[]; told?: string } = {}) {
    super(detail);
    this.name = "ApiRefusal";
    this.code = code;
    this.problems = more.problems ?? [];
    this.told = more.told ?? code;
  }
}

export function invalidInput(problems: readonly Problem[]): ApiRefusal {
  const [first] = problems;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : "";
  return new ApiRefusal("invalid-input", first ? `${printProblem(first)}${more}` : "the input is not valid", {
    problems,
  });
}

export function problemDetails(refusal: ApiRefusal): ProblemDetails {
  return {
    // Its meaning stands in the API's own description, not behind an address.
    type: `urn:weft:problem:${refusal.told}`,
    title: refusal.told.replaceAll("-", " "),
    status: statuses[refusal.code],
    code: refusal.told,
    detail: refusal.message,
    ...(refusal.problems.length > 0 ? { problems: refusal.problems } : {}),
  };
}

const codes: Readonly<Record<ErrorCode, ApiCode>> = {
  unavailable: "unavailable",
  conflict: "conflict",
  "unknown-outcome": "unknown-outcome",
  "too-large": "too-large",
  overloaded: "overloaded",
  "not-found": "not-found",
  denied: "denied",
  invalid: "bad-request",
  timeout: "timeout",
  cancelled: "unavailable",
  internal: "internal",
};

/** Anything a handler threw. A broken invariant is told as such, without its inside. */
export function refusalFrom(cause: unknown): ApiRefusal {
  if (cause instanceof ApiRefusal) return cause;
  const status = statusOf(cause);
  if (status !== undefined) return refusalOfStatus(status, cause instanceof Error ? cause.message : "");
  if (!(cause instanceof WeftError) || cause.code === "internal") {
    return new ApiRefusal("internal", "the node met something unexpected; its log says what");
  }
  return new ApiRefusal(codes[cause.code], cause.message);
}

/** The HTTP framework's own errors (body too large, bad URL) say their status. */
function statusOf(cause: unknown): number | undefined {
  const known = typeof cause === "object" && cause !== null && "statusCode" in cause;
  return known && typeof cause.statusCode === "number" ? cause.statusCode : undefined;
}

function refusalOfStatus(status: number, message: string): ApiRefusal {
  if (status === 413) return new ApiRefusal("too-large", message);
  if (status === 404) return new ApiRefusal("not-found", message);
  if (status >= 400 && status < 500) return new ApiRefusal("bad-request", message);
  return new ApiRefusal("internal", "the node met something unexpected; its log says what");
}
