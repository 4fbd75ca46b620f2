/** An agent's local socket: keeps run sessions as model/run.ts has them, and can die and come back. */
import { createServer, type Server, type ServerResponse } from "node:http";
import { join } from "node:path";
import type { TestContext } from "node:test";
import type { RunEvent, RunRequest } from "../../../src/model/run.ts";
import { temporaryDirectory } from "./meshctl.ts";

export class FakeAgent {
  readonly socket: string;
  readonly asked: RunRequest[] = [];
  readonly withdrawn: string[] = [];
  /** What a new session is told at once. */
  greeting: readonly RunEvent[] = [];
  workloads: readonly { readonly workload: string; readonly admin: string }[] = [];
  /** Instead: a refusal. */
  refusal: { readonly status: number; readonly detail: string } | undefined;
  #server: Server | undefined;
  #streams = new Set<ServerResponse>();
  #waiting: { count: number; resolve: () => void }[] = [];

  private constructor(socket: string) {
    this.socket = socket;
  }

  static async start(t: TestContext): Promise<FakeAgent> {
    const agent = new FakeAgent(join(await temporaryDirectory(t), "agent.sock"));
    await agent.listen();
    t.after(() => agent.die());
    return agent;
  }

  async listen(): Promise<void> {
    const server = createServer((request, response) => {
      if (request.method === "GET") {
        response.end(JSON.stringify({ host: "h1", pid: process.pid, attested: true, workloads: this.workloads }));
        return;
      }
      if (request.method === "DELETE") {
        this.withdrawn.push((request.url ?? "").split("/").at(-1) ?? "");
        response.writeHead(204).end();
        return;
      }
      let body = "";
      request.on("data", (chunk: Buffer) => {
        body += chunk.toString();
      });
      request.on("end", () => this.#open(JSON.parse(body), response));
    });
    this.#server = server;
    await new Promise<void>((resolve) => server.listen(this.socket, resolve));
  }

  /** As kill -9: every connection breaks, nobody is told. */
  async die(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    server?.closeAllConnections();
    await new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()));
  }

  tell(event: RunEvent): void {
    for (const stream of this.#streams) stream.write(`${JSON.stringify(event)}\n`);
  }

  /** Resolves when `count` sessions have been asked for in all. */
  async whenAsked(count: number): Promise<void> {
    if (this.asked.length >= count) return;
    await new Promise<void>((resolve) => this.#waiting.push({ count, resolve }));
  }

  #open(request: RunRequest, response: ServerResponse): void {
    this.asked.push(request);
    if (this.refusal) {
      response.writeHead(this.refusal.status, { "content-type": "application/problem+json" });
      response.end(JSON.stringify({ detail: this.refusal.detail }));
    } else {
      response.writeHead(200, { "content-type": "application/x-ndjson" });
      this.#streams.add(response);
      response.on("close", () => this.#streams.delete(response));
      response.flushHeaders();
      for (const event of this.greeting) response.write(`${JSON.stringify(event)}\n`);
    }
    for (const { count, resolve } of this.#waiting) if (this.asked.length >= count) resolve();
  }
}

export function readyEvent(envoyPid: number, outbound: string | null = "127.0.0.1:15001"): RunEvent {
  return {
    event: "ready",
    workload: "reviews-v1.default",
    spiffeId: "spiffe://cluster.local/ns/default/sa/default",
    outbound,
    inbound: "127.0.0.1:15006",
    inbounds: { http: "127.0.0.1:15006" },
    upstreams: {},
    admin: "127.0.0.1:15000",
    envoyPid,
  };
}
