/** Applications for a mesh under test: they answer with what reached them, and remember it. */
import { createServer as createHttpServer, type IncomingMessage } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from "node:net";

/** One request as the application saw it. */
export interface Reached {
  readonly method: string;
  /** The request target as it stood in the request line. */
  readonly url: string;
  /** Name, value, name, value, … as they came. */
  readonly headers: readonly string[];
}

export interface Echo {
  readonly port: number;
  /** What reached it since the last call. */
  takeReached(): readonly Reached[];
  close(): void;
}

/**
 * Answers with the request as JSON: 200, or as the request asks.
 *   x-echo-status: the answer's status
 *   x-echo-failures: so many tries of the request (by its x-request-id) get that status, the next 200
 *   x-echo-delay-ms: how long it waits before
 * @param headers of every answer. @param failures tries that have failed, where several echoes count together.
 */
export async function startHttpEcho(
  headers: Readonly<Record<string, string>> = {},
  failures = new Map<string, number>(),
): Promise<Echo> {
  const reached: Reached[] = [];
  const server = createHttpServer((request, response) => {
    const seen = seenIn(request);
    reached.push(seen);
    request.resume();
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
    response.setHeader("content-type", "application/json");
    response.statusCode = statusAsked(request, failures);
    const answer = setTimeout(
      () => response.end(JSON.stringify(seen)),
      Number(request.headers["x-echo-delay-ms"] ?? 0),
    );
    response.on("close", () => clearTimeout(answer));
  });
  return echoOn(server, reached, () => server.closeAllConnections());
}

function statusAsked({ headers }: IncomingMessage, failures: Map<string, number>): number {
  const status = Number(headers["x-echo-status"] ?? 200);
  const most = headers["x-echo-failures"];
  if (most === undefined) return status;
  const id = String(headers["x-request-id"]);
  const failed = failures.get(id) ?? 0;
  if (failed >= Number(most)) return 200;
  failures.set(id, failed + 1);
  return status;
}

/** An echo that is told how it feels. */
export interface Patient extends Echo {
  /** What it answers with. */
  status: number;
  /** From now on it keeps its callers waiting. @returns lets them go. */
  hold(): () => void;
  /** Resolves when so many requests have reached it since `hold`. */
  reached(count: number): Promise<void>;
}

export async function startPatient(): Promise<Patient> {
  const reached: Reached[] = [];
  let free: Promise<void> = Promise.resolve();
  let held = 0;
  let onReached = (): void => {};
  const server = createHttpServer((request, response) => {
    reached.push(seenIn(request));
    held++;
    onReached();
    request.resume();
    void free.then(() => {
      response.statusCode = patient.status;
      response.end();
    });
  });
  const echo = await echoOn(server, reached, () => server.closeAllConnections());
  const patient: Patient = {
    ...echo,
    status: 200,
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>();
      free = promise;
      held = 0;
      return resolve;
    },
    reached(count) {
      return new Promise((resolve) => {
        onReached = () => held >= count && resolve();
        onReached();
      });
    },
  };
  return patient;
}

function seenIn(request: IncomingMessage): Reached {
  return { method: request.method ?? "", url: request.url ?? "", headers: request.rawHeaders };
}

/** Greets with "hello\n" at the first byte, then sends back what it gets; what reached it is one entry a connection. */
export async function startTcpEcho(): Promise<Echo> {
  const reached: Reached[] = [];
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
    socket.once("data", () => {
      reached.push({ method: "TCP", url: "", headers: [] });
      socket.write("hello\n");
    });
    socket.on("data", (data) => socket.write(data));
    socket.on("end", () => socket.end());
  });
  return echoOn(server, reached, () => {
    for (const socket of sockets) socket.destroy();
  });
}

async function echoOn(server: Server, reached: Reached[], closeConnections: () => void): Promise<Echo> {
  return {
    port: await listening(server),
    takeReached: () => reached.splice(0),
    close() {
      server.close();
      closeConnections();
    },
  };
}

function listening(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => resolve((server.address() as AddressInfo).port));
  });
}
