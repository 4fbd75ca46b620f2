/**
 * What a careful client does: one call, repeated under one idempotency key, at the next node, with growing pauses, until
 * some node answers it for good. Calls are spread over the nodes.
 */
import { setTimeout as wait } from "node:timers/promises";

/** How long one attempt may take, ms: a frozen process accepts and never answers. */
const attemptMs = 1_500;
/** Between two attempts, ms: the first, doubled up to the last. */
const pauseMs = [50, 400] as const;

export interface Call {
  readonly method: "GET" | "POST" | "PUT";
  readonly path: string;
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export type Settled =
  | {
      readonly kind: "answered";
      readonly status: number;
      readonly body: unknown;
      /** Whether an attempt before had no answer: this one may speak of what that one did. */
      readonly afterSilence: boolean;
      readonly failures: readonly string[];
    }
  /** The signal came first; what it did is not known. */
  | { readonly kind: "unknown"; readonly failures: readonly string[] };

export class CarefulClient {
  readonly #apis: readonly string[];
  #turn = 0;

  constructor(apis: readonly string[], first = 0) {
    this.#apis = apis;
    this.#turn = first;
  }

  /** Statuses below 500 are answers for good, but those that ask for another try. */
  async settle(call: Call, giveUp: AbortSignal): Promise<Settled> {
    const failures: string[] = [];
    const fromMs = performance.now();
    let afterSilence = false;
    for (let pause: number = pauseMs[0]; !giveUp.aborted; pause = Math.min(2 * pause, pauseMs[1])) {
      const api = this.#apis[this.#turn++ % this.#apis.length] ?? "";
      const answer = await attempt(api, call);
      if (typeof answer !== "string" && answer.status < 500 && !mustRepeat(answer)) {
        return { kind: "answered", ...answer, afterSilence, failures };
      }
      // Of a 503 or 504 it is not certain either that it was not done.
      afterSilence = true;
      const why = typeof answer === "string" ? answer : `${answer.status} ${JSON.stringify(answer.body).slice(0, 160)}`;
      failures.push(`${Math.round(performance.now() - fromMs)} ms ${api}: ${why}`);
      await wait(pause);
    }
    return { kind: "unknown", failures };
  }
}

interface Answer {
  readonly status: number;
  readonly body: unknown;
}

/** Overtaken too often, or too many at once. */
function mustRepeat({ status }: Answer): boolean {
  return status === 409 || status === 429;
}

/** @returns why there was no answer. */
async function attempt(api: string, { method, path, body, headers }: Call): Promise<Answer | string> {
  try {
    const init = { method, ...(body !== undefined && { body }), ...(headers && { headers }) };
    const response = await fetch(`${api}${path}`, { ...init, signal: AbortSignal.timeout(attemptMs) });
    return { status: response.status, body: await response.json() };
  } catch (cause) {
    const inner = cause instanceof Error && cause.cause instanceof Error ? ` (${cause.cause.message})` : "";
    return `${cause instanceof Error ? cause.message : String(cause)}${inner}`;
  }
}
