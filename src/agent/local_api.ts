/**
 * The agent's HTTP API on a Unix socket that only this user may open (model/run.ts): what `meshctl run` and `dev` speak.
 * One agent per socket: a second one finds the first answering and ends.
 */
import { chmodSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { connect } from "node:net";
import type { HostStatus } from "../model/run.ts";
import { parseJson } from "../platform/decode.ts";
import { WeftError } from "../platform/error.ts";
import { limits } from "../platform/limits.ts";
import type { Logger } from "../platform/log.ts";
import type { Host } from "./host.ts";
import { decodeRunRequest } from "./run_record.ts";
import type { Client } from "./session.ts";

export interface LocalApiParts {
  readonly socketPath: string;
  readonly host: Pick<Host, "closed" | "open" | "close" | "detach">;
  readonly log: Logger;
  status(): HostStatus;
}

/** @throws WeftError when another agent answers on the socket. */
export async function refuseSecondAgent(socketPath: string): Promise<void> {
  const answered = await new Promise<boolean>((resolve) => {
    const probe = connect(socketPath, () => {
      probe.destroy();
      resolve(true);
    });
    probe.on("error", () => resolve(false));
  });
  if (!answered) return;
  const because = "another agent answers there";
  const next = "end it first, or give another --state-dir";
  throw new WeftError({ code: "conflict", retry: "never", attempted: `listen on ${socketPath}`, because, next });
}

export class LocalApi {
  readonly #parts: LocalApiParts;
  readonly #server: Server;

  constructor(parts: LocalApiParts) {
    this.#parts = parts;
    this.#server = createServer((request, response) => {
      this.#route(request, response).catch((cause) => refuse(response, cause));
    });
  }

  listen(): Promise<void> {
    const { socketPath } = this.#parts;
    if (Buffer.byteLength(socketPath) > limits.socketPathBytes) {
      const because = `a Unix socket's path has at most ${limits.socketPathBytes} bytes`;
      const next = "give a shorter one by --socket";
      throw new WeftError({ code: "invalid", retry: "never", attempted: `listen on ${socketPath}`, because, next });
    }
    // Left by an agent that was killed.
    rmSync(socketPath, { force: true });
    return new Promise((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(socketPath, () => {
        chmodSync(socketPath, 0o600);
        resolve();
      });
    });
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method, url = "" } = request;
    if (method === "POST" && url === "/v1/run") return this.#run(request, response);
    if (method === "GET" && url === "/v1/workloads") return answer(response, 200, this.#parts.status());
    const session = /^\/v1\/run\/([^/?]+)$/.exec(url)?.[1];
    if (method === "DELETE" && session !== undefined) {
      const known = await this.#parts.host.close(decodeURIComponent(session));
      return known ? void response.writeHead(204).end() : problem(response, 404, "no such session");
    }
    problem(response, 404, `there is no ${method} ${url} here`);
  }

  async #run(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { host, log, status } = this.#parts;
    const wanted = parseJson(await bodyOf(request), decodeRunRequest, "run request");
    if (host.closed) return problem(response, 503, "the agent is stopping; the next one takes the session up");
    response.writeHead(200, { "content-type": "application/x-ndjson", "cache-control": "no-store" });
    response.flushHeaders();
    const client = clientOn(response);
    response.on("close", () => host.detach(wanted.session, client));
    const { refused } = status();
    if (refused !== undefined) client.tell({ event: "warning", message: refused });
    try {
      await host.open(wanted, client);
      // It may have gone while ports were chosen.
      if (response.closed) host.detach(wanted.session, client);
    } catch (cause) {
      const error = WeftError.from(cause, "run a workload");
      log.error("run-failed", { because: error.message });
      client.tell({ event: "failed", message: error.message, exit: 1 });
      client.end();
    }
  }
}

/** One that does not read loses its stream at the limit, and may come again; what comes after the end is for nobody. */
function clientOn(response: ServerResponse): Client {
  response.on("error", () => response.destroy());
  return {
    tell(event) {
      if (response.writableEnded || response.destroyed) return;
      response.write(`${JSON.stringify(event)}\n`);
      if (response.writableLength > limits.localStreamBytes) response.destroy();
    },
    end: () => void response.end(),
  };
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request) {
    const bytes = Buffer.from(part);
    size += bytes.length;
    if (size > limits.localRequestBytes) {
      const because = `it has more than ${limits.localRequestBytes} bytes`;
      throw new WeftError({ code: "too-large", retry: "never", attempted: "read a request", because });
    }
    parts.push(bytes);
  }
  return Buffer.concat(parts).toString("utf8");
}

function refuse(response: ServerResponse, cause: unknown): void {
  if (response.headersSent) return void response.destroy();
  const error = WeftError.from(cause, "answer a request");
  const statuses: Readonly<Record<string, number>> = { invalid: 400, "too-large": 413 };
  problem(response, statuses[error.code] ?? 500, error.message);
}

function problem(response: ServerResponse, status: number, detail: string): void {
  answer(response, status, { status, detail }, "application/problem+json");
}

function answer(response: ServerResponse, status: number, body: unknown, type = "application/json"): void {
  response.writeHead(status, { "content-type": type }).end(JSON.stringify(body));
}
