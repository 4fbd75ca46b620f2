/** A signal that ends a call after its time, or when its caller has gone. */
import type { FastifyReply } from "fastify";
import type { Clock } from "../platform/clock.ts";
import { ApiRefusal } from "./problem_details.ts";

/** Runs `work` with a signal that is aborted after `ms` and, for what only its caller wants, when the caller leaves. */
export async function withDeadline<Result>(
  clock: Clock,
  ms: number,
  work: (signal: AbortSignal) => Promise<Result>,
  caller?: FastifyReply,
): Promise<Result> {
  const controller = new AbortController();
  const leave = (): void => controller.abort(new ApiRefusal("timeout", `it took longer than ${ms} ms; try again`));
  const timer = clock.after(ms, leave);
  caller?.raw.on("close", leave);
  try {
    return await work(controller.signal);
  } finally {
    timer.cancel();
    caller?.raw.off("close", leave);
  }
}
