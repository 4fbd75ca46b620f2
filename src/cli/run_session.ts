/**
 * A workload's session with its host's agent: opened by `meshctl run`, `meshctl gateway run` and the demo.
 *
 * The client posts the request on the agent's Unix socket and reads events until it ends the session. The answer's end
 * is never taken for the session's: an agent that died is asked again with the same session, at first after
 * `reconnectFirstMs`, then ever more slowly up to `reconnectLongestMs`, for as long as the workload is to live; its
 * Envoy serves meanwhile. Only three things end it: `stop`, a `failed` event, and an agent that refuses the request
 * (a 4xx answer).
 *
 * Caller: onEvent is called for every event in order; a failure to reach the agent is reported once per outage, as a
 * `warning`. `ready` settles at the first ready event, or rejects when the session ends before it.
 */
import { type ClientRequest, request as httpRequest, type IncomingMessage } from "node:http";
import { createInterface } from "node:readline";
import type { RunEvent, RunRequest } from "../model/run.ts";
import { type Clock, sleep } from "../platform/clock.ts";
import { object, text } from "../platform/decode.ts";
import { WeftError } from "../platform/error.ts";
import { limits } from "../platform/limits.ts";
import { jittered, type Random } from "../platform/random.ts";
import { parseRunEvent, type RunReady } from "./run_event.ts";

export interface RunSessionOptions {
  /** Path of the agent's Unix socket. */
  readonly socket: string;
  readonly request: RunRequest;
  readonly clock: Clock;
  readonly random: Random;
  readonly onEvent: (event: RunEvent) => void;
}

export interface RunSession {
  readonly ready: Promise<RunReady>;
  /** Resolves when the session is over: with the failure that ended it, or undefined after `stop`. */
  readonly ended: Promise<RunFailure | undefined>;
  /** Withdraws the workload: endpoint, drain, Envoy. Resolves when the agent said it is done, or cannot be reached. */
  stop(): Promise<void>;
}

export type RunFailure = Extract<RunEvent, { readonly event: "failed" }>;

/** How one connection to the agent ended. */
type Ending =
  | { readonly kind: "failed"; readonly failure: RunFailure }
  | { readonly kind: "lost"; readonly because: string };

export function openRunSession(options: RunSessionOptions): RunSession {
  const stopping = new AbortController();
  let settleReady: { resolve: (ready: RunReady) => void; reject: (cause: Error) => void } | undefined;
  const ready = new Promise<RunReady>((resolve, reject) => {
    settleReady = { resolve, reject };
  });
  // Who does not wait for it must not be killed by its rejection.
  ready.catch(() => {});
  const ended = keepOpen(options, stopping.signal, (event) => {
    if (event.event === "ready") settleReady?.resolve(event);
    options.onEvent(event);
  }).then((failure) => {
    settleReady?.reject(endedEarly(options.request, failure));
    return failure;
  });
  const stop = async (): Promise<void> => {
    stopping.abort();
    await ended;
    await withdraw(options);
  };
  let stopped: Promise<void> | undefined;
  return {
    ready,
    ended,
    stop() {
      stopped ??= stop();
      return stopped;
    },
  };
}

function endedEarly(request: RunRequest, failure: RunFailure | undefined): WeftError {
  return new WeftError({
    code: failure ? "invalid" : "cancelled",
    retry: "never",
    attempted: `run ${request.role === "sidecar" ? request.service : request.name}`,
    because: failure?.message ?? "the session was ended before it was ready",
  });
}

async function keepOpen(
  options: RunSessionOptions,
  stop: AbortSignal,
  emit: (event: RunEvent) => void,
): Promise<RunFailure | undefined> {
  let attempt = 0;
  while (!stop.aborted) {
    const ending = await connectOnce(options, stop, (event) => {
      attempt = 0;
      emit(event);
    });
    if (stop.aborted) return undefined;
    if (ending.kind === "failed") return ending.failure;
    if (attempt === 0)
      emit({ event: "warning", message: `agent lost (${ending.because}); the sidecar serves on, trying again` });
    const base = Math.min(limits.runReconnectLongestMs, limits.runReconnectFirstMs * 2 ** attempt++);
    await sleep(options.clock, jittered(options.random, base, 0.2), stop).catch(() => {});
  }
  return undefined;
}

function connectOnce(options: RunSessionOptions, stop: AbortSignal, emit: (event: RunEvent) => void): Promise<Ending> {
  return new Promise((resolve) => {
    const lost = (because: string): void => resolve({ kind: "lost", because });
    const request: ClientRequest = httpRequest(
      {
        socketPath: options.socket,
        method: "POST",
        path: "/v1/run",
        headers: { "content-type": "application/json" },
        agent: false,
        signal: stop,
      },
      (response) => {
        if (response.statusCode !== 200) {
          void readRefusal(response).then(resolve, (cause: Error) => lost(cause.message));
          return;
        }
        readEvents(response, emit, resolve);
      },
    );
    request.on("error", (cause) => lost(cause.message));
    request.end(JSON.stringify(options.request));
  });
}

function readEvents(response: IncomingMessage, emit: (event: RunEvent) => void, end: (ending: Ending) => void): void {
  response.on("error", (cause) => end({ kind: "lost", because: cause.message }));
  const lines = createInterface({ input: response });
  lines.on("line", (line) => {
    const event = readEvent(line);
    if (event.event === "failed") end({ kind: "failed", failure: event });
    emit(event);
  });
  // It passes on what its input suffered.
  lines.on("error", (cause) => end({ kind: "lost", because: cause.message }));
  lines.on("close", () => end({ kind: "lost", because: "it closed the session's stream" }));
}

/** An agent of another version may say what this one does not know; the session goes on. */
function readEvent(line: string): RunEvent {
  try {
    return parseRunEvent(line);
  } catch (cause) {
    return { event: "warning", message: WeftError.from(cause, "read an event of the agent").message };
  }
}

/** 4xx: the request will never do. Anything else: the agent is starting or in trouble, and is asked again. */
async function readRefusal(response: IncomingMessage): Promise<Ending> {
  const status = response.statusCode ?? 0;
  let body = "";
  for await (const chunk of response) if (body.length < limits.problemCharacters) body += String(chunk);
  const message = detailOf(body) ?? `the agent answered ${status}`;
  if (status < 400 || status >= 500 || status === 429) return { kind: "lost", because: message };
  return { kind: "failed", failure: { event: "failed", message, exit: status === 400 || status === 422 ? 65 : 1 } };
}

const refusal = object({}, { detail: text() });

function detailOf(body: string): string | undefined {
  try {
    return refusal(JSON.parse(body), "refusal").detail;
  } catch {
    return undefined;
  }
}

function withdraw(options: RunSessionOptions): Promise<void> {
  return new Promise((resolve) => {
    const path = `/v1/run/${encodeURIComponent(options.request.session)}`;
    const request = httpRequest({ socketPath: options.socket, method: "DELETE", path, agent: false }, (response) => {
      response.resume();
      response.on("close", () => resolve());
    });
    // Not reached, or too slow: the agent's grace for a session that does not come back withdraws it.
    const patience = options.clock.after(limits.runStopMs, () => request.destroy());
    request.on("close", () => patience.cancel());
    request.on("error", () => resolve());
    request.end();
  });
}
