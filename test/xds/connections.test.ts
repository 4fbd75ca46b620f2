/** Over real sockets: what is paced is what libuv hands to the node. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { afterEach, describe, test } from "node:test";
import { limits } from "../../src/platform/limits.ts";
import { Connections } from "../../src/xds/connections.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { turn, turnsUntil } from "../support/turns.ts";

const closers: (() => unknown)[] = [];
afterEach(() => {
  for (const close of closers.splice(0).reverse()) close();
});

/** A listener that hands what it accepts to `connections`, and whose clients each say a word at once. */
async function world() {
  const clock = new ManualClock();
  const connections = new Connections(clock);
  const accepted: Socket[] = [];
  const begun: Socket[] = [];
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    accepted.push(socket.on("error", () => {}));
    connections.enter(socket, () => {
      begun.push(socket);
      connections.add(socket);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closers.push(() => server.close());
  const { port } = server.address() as AddressInfo;
  const come = async (count: number): Promise<Socket[]> => {
    const clients = Array.from({ length: count }, () => connect(port, "127.0.0.1").on("error", () => {}));
    for (const client of clients) client.write("x");
    closers.push(() => {
      for (const client of clients) client.destroy();
    });
    const all = accepted.length + count;
    await turnsUntil(() => accepted.length === all);
    return clients;
  };
  return { clock, connections, accepted, begun, come };
}

function peerOf(socket: Socket | undefined): string {
  return `${socket?.remoteAddress}:${socket?.remotePort}`;
}

describe("connections that come at once", () => {
  test("are read a few at a time: the next when one has said its first", async () => {
    const { connections, accepted, begun, come } = await world();
    await come(limits.xdsHandshakes + 2);
    await turnsUntil(() => begun.every((socket) => socket.bytesRead > 0));
    assert.equal(begun.length, limits.xdsHandshakes);
    const [next, last] = accepted.slice(limits.xdsHandshakes);
    assert.equal(next?.bytesRead, 0);
    assert.equal(connections.waiting, 2);
    connections.begun(peerOf(begun[0]));
    assert.equal(begun.at(-1), next);
    connections.begun(peerOf(begun[0]));
    assert.equal(begun.length, limits.xdsHandshakes + 1, "twice is once");
    connections.begun(peerOf(begun[1]));
    assert.equal(begun.at(-1), last);
    await turnsUntil(() => last?.bytesRead === 1);
    assert.equal(connections.waiting, 0);
  });

  test("wait for one that says nothing only so long", async () => {
    const { clock, begun, come } = await world();
    await come(limits.xdsHandshakes + 2);
    await clock.advance(limits.xdsHandshakeMs - 1);
    assert.equal(begun.length, limits.xdsHandshakes);
    await clock.advance(1);
    assert.equal(begun.length, limits.xdsHandshakes + 2);
  });

  test("have the place of one that goes", async () => {
    const { begun, come } = await world();
    const [first] = await come(limits.xdsHandshakes + 1);
    assert.equal(begun.length, limits.xdsHandshakes);
    first?.destroy();
    await turnsUntil(() => begun.length === limits.xdsHandshakes + 1);
  });
});

describe("connections that end", () => {
  const ways = {
    "the other side's word": (client: Socket) => client.end(),
    "the other side's reset": (client: Socket) => client.resetAndDestroy(),
  };
  for (const [way, end] of Object.entries(ways)) {
    test(`by ${way} are taken down a few in a turn of the event loop`, async () => {
      const { connections, begun, come } = await world();
      const clients: Socket[] = [];
      while (clients.length < 3 * limits.xdsEndsATurn) {
        clients.push(...(await come(limits.xdsHandshakes)));
        for (const socket of begun) connections.begun(peerOf(socket));
      }
      await turnsUntil(() => begun.every((socket) => socket.bytesRead > 0));
      let closed = 0;
      for (const socket of begun) socket.once("close", () => closed++);
      for (const client of clients) end(client.resume());
      const perTurn: number[] = [];
      for (let before = 0; closed < begun.length; before = closed) {
        await turn();
        perTurn.push(closed - before);
      }
      assert.equal(begun.length, clients.length);
      assert.ok(Math.max(...perTurn) <= limits.xdsEndsATurn, perTurn.join());
      assert.equal(connections.certificate(peerOf(begun[0])), undefined);
    });
  }

  test("from here end at once, whatever they still say", async () => {
    const { connections, begun, come } = await world();
    const clients = await come(limits.xdsHandshakes);
    connections.endAll();
    for (const client of clients) client.write("y");
    await turnsUntil(() => begun.every((socket) => socket.closed));
  });

  test("before it was their turn are not kept in line", async () => {
    const { connections, accepted, begun, come } = await world();
    await come(limits.xdsHandshakes + 1);
    const closed = accepted.map((socket) => once(socket, "close"));
    connections.endAll();
    await Promise.all(closed);
    assert.equal(begun.length, limits.xdsHandshakes);
    assert.equal(connections.waiting, 0);
  });
});
