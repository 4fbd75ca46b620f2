// The agent's local API against clients that do not behave, with the test in the place of the runs.

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { LocalApi } from "../../src/agent/local_api.ts";
import type { Client } from "../../src/agent/session.ts";
import type { HostStatus } from "../../src/model/run.ts";
import { WeftError } from "../../src/platform/error.ts";
import { limits } from "../../src/platform/limits.ts";
import { silentLogger } from "../../src/platform/log.ts";

const wanted = JSON.stringify({
  ...{ role: "gateway", session: "s", name: "g", namespace: "default", serviceAccount: "default", labels: {} },
  ...{ locality: "", eastWest: false, ports: [] },
});

/** Runs that the test opens by hand. */
class FakeHost {
  closed = false;
  failure: WeftError | undefined;
  readonly detached: string[] = [];
  readonly opened = Promise.withResolvers<Client>();
  readonly gone = Promise.withResolvers<void>();

  async open(_request: unknown, client: Client): Promise<void> {
    if (this.failure) throw this.failure;
    this.opened.resolve(client);
  }

  detach(session: string): void {
    this.detached.push(session);
    this.gone.resolve();
  }

  async close(session: string): Promise<boolean> {
    return session === "s";
  }
}

async function withApi(story: (host: FakeHost, socketPath: string) => Promise<void>, refused?: string): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "weft-api-"));
  const socketPath = join(directory, "agent.sock");
  const host = new FakeHost();
  const status = (): HostStatus => ({
    ...{ host: "h", pid: 1, attested: true, workloads: [] },
    ...(refused === undefined ? {} : { refused }),
  });
  const api = new LocalApi({ socketPath, host, log: silentLogger, status });
  await api.listen();
  try {
    await story(host, socketPath);
  } finally {
    api.close();
    rmSync(directory, { recursive: true });
  }
}

async function ask(socketPath: string, method: string, path: string, body?: string): Promise<IncomingMessage> {
  const asked = request({ socketPath, method, path, agent: false });
  asked.end(body);
  const [response] = await once(asked, "response");
  return response;
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = "";
  for await (const part of response) text += String(part);
  return text;
}

test("only this user opens the socket", async () => {
  await withApi(async (_host, socketPath) => {
    assert.equal(statSync(socketPath).mode & 0o777, 0o600);
  });
});

test("a client that does not read loses its stream at the limit, and its session begins to wait for it", async () => {
  await withApi(async (host, socketPath) => {
    const socket = connect(socketPath);
    socket.on("error", () => {});
    socket.pause();
    socket.write(`POST /v1/run HTTP/1.1\r\nhost: agent\r\ncontent-length: ${wanted.length}\r\n\r\n${wanted}`);
    const client = await host.opened.promise;
    const message = "x".repeat(10_000);
    // What the kernel's buffers and the limit hold together is far less.
    for (let told = 0; told < 1_000; told++) client.tell({ event: "warning", message });
    await host.gone.promise;
    assert.deepEqual(host.detached, ["s"]);
    client.tell({ event: "warning", message: "nobody hears it" });
    client.end();
    socket.destroy();
  });
});

test("an agent that stops answers 503, so that a client comes again; one that is refused by the mesh says so", async () => {
  await withApi(async (host, socketPath) => {
    host.closed = true;
    assert.equal((await ask(socketPath, "POST", "/v1/run", wanted)).statusCode, 503);
  });
  await withApi(async (host, socketPath) => {
    const stream = await ask(socketPath, "POST", "/v1/run", wanted);
    const client = await host.opened.promise;
    client.end();
    assert.equal(await textOf(stream), '{"event":"warning","message":"revoked"}\n');
  }, "revoked");
});

test("what is malformed, too large or unknown is refused with its status; what fails is told as failed", async () => {
  await withApi(async (host, socketPath) => {
    const statuses = [
      await ask(socketPath, "POST", "/v1/run", "{"),
      await ask(socketPath, "POST", "/v1/run", '{"role":"neither"}'),
      await ask(socketPath, "POST", "/v1/run", `"${"x".repeat(limits.localRequestBytes)}"`),
      await ask(socketPath, "GET", "/v1/nothing"),
      await ask(socketPath, "DELETE", "/v1/run/unknown"),
      await ask(socketPath, "DELETE", "/v1/run/s"),
    ].map(({ statusCode }) => statusCode);
    assert.deepEqual(statuses, [400, 400, 413, 404, 404, 204]);
    host.failure = new WeftError({ code: "unavailable", retry: "later", attempted: "find a port", because: "none" });
    const answered = await ask(socketPath, "POST", "/v1/run", wanted);
    assert.equal(await textOf(answered), '{"event":"failed","message":"find a port: none","exit":1}\n');
  });
});
