/**
 * The small HTTP server that every demo app is built on: one handler, plain answers, a stop that finishes what it has
 * begun. The apps import nothing but node, so that seven of them start quickly on a laptop.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";

export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export type Handler = (request: IncomingMessage, url: URL) => Promise<Answer> | Answer;

export const json = (value: unknown, status = 200): Answer => ({
  status,
  contentType: "application/json",
  body: `${JSON.stringify(value)}\n`,
});

export const html = (body: string, status = 200): Answer => ({ status, contentType: "text/html; charset=utf-8", body });

export const text = (body: string, status: number): Answer => ({
  status,
  contentType: "text/plain",
  body: `${body}\n`,
});

interface Exchange {
  readonly server: Server;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

async function respond(handler: Handler, { server, request, response }: Exchange): Promise<void> {
  let answer: Answer;
  try {
    answer = await handler(request, new URL(request.url ?? "/", "http://app"));
  } catch (cause) {
    answer = text(cause instanceof Error ? cause.message : String(cause), 502);
  }
  // Answered while the server stops: the connection must not stay for another request.
  if (!server.listening) response.setHeader("connection", "close");
  response.writeHead(answer.status, { "content-type": answer.contentType, ...answer.headers });
  response.end(answer.body);
}

/** Listens on loopback and resolves when it does. */
export function serve(port: number, handler: Handler): Promise<Server> {
  const server = createServer((request, response) => void respond(handler, { server, request, response }));
  // Longer than a sidecar keeps an idle connection, so that the app is never the one to close first.
  server.keepAliveTimeout = 3_600_000;
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}

/** No new connection; the requests in flight are answered, and each connection ends with its last answer. */
export function stopServing(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
}

/** On SIGTERM or SIGINT the process stops serving and ends; with `endWithInput` also when standard input does. */
export function stopOnSignal(server: Server, { endWithInput }: { readonly endWithInput: boolean }): void {
  const stop = (): void => void stopServing(server).then(() => process.exit(0));
  process.once("SIGTERM", stop);
  process.once("SIGINT", stop);
  if (!endWithInput) return;
  // A pipe from whoever started the app: its end means that they have gone.
  process.stdin.resume();
  process.stdin.on("end", stop);
}
