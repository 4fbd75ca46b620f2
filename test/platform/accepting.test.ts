import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, test } from "node:test";
import { Worker } from "node:worker_threads";
import { acceptWidely, sharedAddress } from "../../src/platform/accepting.ts";
import { turnsUntil } from "../support/turns.ts";

const anywhere = { host: "127.0.0.1", port: 0 };
const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function start(server: Server, most?: number): Promise<{ port: number; stop: () => Promise<void> }> {
  const at = await sharedAddress(anywhere);
  server.listen(at);
  await once(server, "listening");
  const stop = await acceptWidely(server, at, most);
  closers.push(() => server.close(), stop);
  return { port: (server.address() as AddressInfo).port, stop };
}

function connected(port: number): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  closers.push(() => socket.destroy());
  return new Promise((resolve) => socket.once("connect", () => resolve(socket)));
}

test("more than one connection is accepted in a turn of the event loop", {
  skip: process.platform !== "linux",
}, async () => {
  let turn = 0;
  const accepted = new Map<number, number>();
  const server = createServer(() => accepted.set(turn, (accepted.get(turn) ?? 0) + 1));
  const { port } = await start(server);
  const count = 64;
  // From another thread, so that all stand in the backlog when this one's loop turns again.
  const source = `
    const { connect } = require("node:net");
    const { workerData: { port, count, done } } = require("node:worker_threads");
    let open = 0;
    for (let i = 0; i < count; i++) connect(port, "127.0.0.1", () => { if (++open === count) Atomics.store(done, 0, 1), Atomics.notify(done, 0); }).on("error", () => {});
  `;
  const done = new Int32Array(new SharedArrayBuffer(4));
  const worker = new Worker(source, { eval: true, workerData: { port, count, done } });
  closers.push(() => worker.terminate());
  await once(worker, "online");
  Atomics.wait(done, 0, 0, 20_000);
  const all = (): number => [...accepted.values()].reduce((sum, each) => sum + each, 0);
  await turnsUntil(() => ++turn > 0 && all() === count);
  assert.ok(Math.max(...accepted.values()) > 1, JSON.stringify([...accepted]));
  assert.ok(accepted.size < count / 2, `${accepted.size} turns`);
});

test("a port that somebody has is refused, also where he would share it", async () => {
  const other = createServer();
  const { port } = await start(other);
  await assert.rejects(sharedAddress({ host: "127.0.0.1", port }), { code: "EADDRINUSE" });
});

test("there are never more connections than allowed, and room again when one ends", async () => {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on("close", () => open.delete(socket));
  });
  const { port } = await start(server, 5);
  let turnedAway = 0;
  for (let i = 0; i < 40; i++) (await connected(port)).resume().on("close", () => turnedAway++);
  await turnsUntil(() => turnedAway === 35);
  assert.equal(open.size, 5);
  const [one] = open;
  one?.destroy();
  await turnsUntil(() => open.size === 4);
  await connected(port);
  await turnsUntil(() => open.size === 5);
});

test("a server for HTTP answers on all of them, and closes", async () => {
  const server = createHttpServer((_request, response) => response.end("good"));
  const { port, stop } = await start(server);
  const answers = await Promise.all(
    Array.from({ length: 40 }, async () => (await fetch(`http://127.0.0.1:${port}/`)).text()),
  );
  assert.deepEqual(new Set(answers), new Set(["good"]));
  const closed = once(server, "close");
  await stop();
  server.close();
  server.closeIdleConnections();
  await closed;
  await assert.rejects(fetch(`http://127.0.0.1:${port}/`));
});
