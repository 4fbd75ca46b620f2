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

export const text = (body: string, status: number): Answer => ({ status, contentType: "text/plain", body: `${body}\n` });

async function respond(handler: Handler, request: IncomingMessage, response: ServerResponse): Promise<void> {
  let answer: Answer;
  try {
    answer = await handler(request, new URL(request.url ?? "/", "http://app"));
  } catch (cause) {
    answer = text(cause instanceof Error ? cause.message : String(cause), 502);
  }
  response.writeHead(answer.status, { "content-type": answer.contentType, ...answer.headers });
  response.end(answer.body);
}

/** Listens on loopback and resolves when it does. */
export function serve(port: number, handler: Handler): Promise<Server> {
  const server = createServer((request, response) => void respond(handler, request, response));
  // Longer than a sidecar keeps an idle connection, so that the app is never the one to close first.
  server.keepAliveTimeout = 3_600_000;
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}

/** On SIGTERM or SIGINT: no new connection, the requests in flight are answered, then the process ends. */
export function stopOnSignal(server: Server): void {
  const stop = (): void => {
    server.close(() => process.exit(0));
    server.closeIdleConnections();
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
}
