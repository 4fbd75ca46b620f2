import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { test } from "node:test";
import { canBind, FreePorts, isLoopback, loopback, outside, portRanges } from "../../src/platform/free_ports.ts";
import { seededRandom } from "../../src/platform/random.ts";

test("a range is cut to what the kernel does not hand to outgoing connections", () => {
  const from = { first: 15_000, last: 32_000 };
  assert.deepEqual(outside(from, { first: 32_768, last: 60_999 }), from);
  assert.deepEqual(outside(from, { first: 20_000, last: 60_999 }), { first: 15_000, last: 19_999 });
  assert.deepEqual(outside(from, { first: 10_000, last: 20_000 }), { first: 20_001, last: 32_000 });
  // Nothing is left of it: better such a port than none.
  assert.deepEqual(outside(from, { first: 1_024, last: 65_535 }), from);
});

test("what dev takes and what agents take cannot be the same", () => {
  assert.ok(portRanges.dev.last < portRanges.proxies.first);
});

test("ports are free ones only, none is given twice, and one that is given back is given again", async () => {
  const busy = new Set([101, 103]);
  const ports = new FreePorts({
    range: { first: 100, last: 104 },
    random: seededRandom(1),
    mayHave: async ({ port }) => !busy.has(port),
  });
  const first = await ports.take();
  const given = [first, await ports.take(), await ports.take()].map(({ port }) => port);
  assert.deepEqual(given.sort(), [100, 102, 104]);
  await assert.rejects(ports.take(), /every port from 100 to 104 of 127\.0\.0\.1 is taken/);
  assert.equal(await ports.claim(first), false);
  ports.release(first);
  assert.deepEqual(await ports.take(), first);
});

test("a port that was asked for is not handed to the next who asks for any", async () => {
  const ports = new FreePorts({ range: { first: 100, last: 101 }, random: seededRandom(1), mayHave: async () => true });
  assert.equal(await ports.claim({ address: loopback, port: 100 }), true);
  assert.deepEqual(await ports.take(), { address: loopback, port: 101 });
});

test("what only this machine can reach is loopback, and is an IP address", () => {
  for (const address of ["127.0.0.1", "127.255.0.9", "::1"]) assert.ok(isLoopback(address), address);
  for (const address of ["0.0.0.0", "::", "10.0.0.1", "127.0.0.256", "127.0.0.1.example.com", "localhost", ""]) {
    assert.equal(isLoopback(address), false, address);
  }
});

test("a port that somebody listens on cannot be bound, and can be when they have gone", async () => {
  const server = createServer().listen(0, loopback);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  assert.equal(await canBind({ address: loopback, port }), false);
  server.close();
  await once(server, "close");
  assert.equal(await canBind({ address: loopback, port }), true);
});
