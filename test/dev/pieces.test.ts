import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { type NextStepsInput, nextSteps } from "../../src/cli/dev/next_steps.ts";
import { defaultPorts, planOf } from "../../src/cli/dev/plan.ts";
import { PortClaims } from "../../src/cli/dev/port_claims.ts";
import { choosePorts, parsePorts, unclaimedPorts } from "../../src/cli/dev/ports.ts";
import { natsConfiguration } from "../../src/cli/dev/programs.ts";
import { settingsOf } from "../../src/cli/dev/settings.ts";
import { keepShape } from "../../src/cli/dev/shape.ts";
import { DevState } from "../../src/cli/dev/state.ts";
import { StopSignal } from "../../src/cli/dev/stop_signal.ts";
import { CommandFailure } from "../../src/cli/exit.ts";
import { readOptions } from "../../src/cli/options.ts";
import { FreePorts, type FreePortsParts } from "../../src/platform/free_ports.ts";
import { limits } from "../../src/platform/limits.ts";
import { seededRandom, systemRandom } from "../../src/platform/random.ts";
import { ManualClock } from "../support/manual_clock.ts";

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "weft-dev-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const settings = (values: Readonly<Record<string, unknown>>) =>
  settingsOf({ args: [], options: readOptions(values) }, {});

const freePorts = (mayHave: FreePortsParts["mayHave"]): FreePorts =>
  new FreePorts({ range: { first: 16_000, last: 16_100 }, random: seededRandom(1), mayHave });

test("ports: the default first, then the remembered one, then any free; never one twice", async () => {
  const taken = new Set<number>([defaultPorts.nats, defaultPorts.api, defaultPorts.xds, 40_000]);
  const free = freePorts(async ({ port }) => !taken.has(port));
  const remembered = { nats: 41_000, api: 40_000, xds: 41_000, agents: 42_000 };

  const ports = await choosePorts([defaultPorts, remembered], free);

  assert.equal(ports.nats, 41_000);
  assert.equal(ports.agents, defaultPorts.agents);
  for (const port of [ports.api, ports.xds]) assert.ok(port >= 16_000 && port <= 16_100, `${port}`);
  assert.equal(new Set(Object.values(ports)).size, Object.keys(ports).length);
});

test("a port that another run has chosen is not chosen, though nobody listens on it yet", async () => {
  const [one, other] = [new PortClaims(directory), new PortClaims(directory)];
  const unclaimed = (claims: PortClaims) => freePorts(async ({ port }) => claims.claim(port));
  const defaults = new Set<number>(Object.values(defaultPorts));

  assert.deepEqual(await choosePorts([defaultPorts], unclaimed(one)), defaultPorts);
  const others = await choosePorts([defaultPorts], unclaimed(other));
  assert.ok(!Object.values(others).some((port) => defaults.has(port)));

  one.giveAllBack();
  assert.deepEqual(await choosePorts([defaultPorts], unclaimed(new PortClaims(directory))), defaultPorts);
});

test("a port that somebody listens on is not chosen, nor kept from others", async (context) => {
  const server = createServer().listen(0, "127.0.0.1");
  context.after(() => server.close());
  await once(server, "listening");
  const { address, port } = server.address() as AddressInfo;

  assert.equal(await unclaimedPorts(new PortClaims(directory), systemRandom).claim({ address, port }), false);

  assert.equal(new PortClaims(directory).claim(port), true);
});

test("what is no list of ports is as good as none", () => {
  assert.deepEqual(parsePorts("nonsense"), {});
  assert.deepEqual(parsePorts('{"api": 99999999}'), {});
  assert.equal(parsePorts('{"api": 15999}').api, 15_999);
});

test("a signal's repeat within a second is the same; a later one hurries", async () => {
  const clock = new ManualClock();
  const stop = new StopSignal(clock);

  stop.receive();
  await clock.advance(limits.devSameSignalMs);
  stop.receive();
  assert.deepEqual([stop.stop.aborted, stop.hurry.aborted], [true, false]);

  await clock.advance(1);
  stop.receive();
  assert.equal(stop.hurry.aborted, true);
});

test("one node or three; another number, and more than one cluster, are refused with 64", () => {
  assert.deepEqual([settings({}).nodes, settings({ nodes: "1" }).nodes, settings({ nodes: "3" }).nodes], [1, 1, 3]);
  for (const values of [{ nodes: "2" }, { nodes: "many" }, { clusters: "2" }, { clusters: "many" }]) {
    assert.throws(
      () => settings(values),
      (cause) => cause instanceof CommandFailure && cause.status === 64,
    );
  }
});

test("a state directory keeps the number of nodes it was made with; one without the mark was made with one", () => {
  const state = new DevState(join(directory, "three"));
  keepShape(state, { nodes: 3 });
  keepShape(state, { nodes: 3 });
  assert.throws(() => keepShape(state, { nodes: 1 }), /made with --nodes 3/);
  const older = new DevState(join(directory, "older"));
  older.directory("nats-0");
  assert.throws(() => keepShape(older, { nodes: 3 }), /made with --nodes 1/);
  keepShape(older, { nodes: 1 });
});

test("a plan of three nodes: each with a nats-server, all routes known, no address twice", () => {
  const ports = defaultPorts;
  const [one] = planOf({ settings: settings({ nodes: "3" }), cluster: "c", ports, xdsPlaintext: [] }).clusters;
  assert.deepEqual(
    one.nodes.map(({ name }) => name),
    ["meshd-0", "meshd-1", "meshd-2"],
  );
  const addresses = one.nodes.flatMap(({ api, xds, agents }) => [api, xds, agents]);
  assert.equal(new Set(addresses).size, 9);
  assert.equal(new Set(one.nats.map(({ port }) => port)).size, 3);
  for (const { routes } of one.nats) assert.equal(routes?.all.length, 3);
});

test("plaintext xDS is for loopback only", () => {
  assert.deepEqual(settings({ xdsPlaintext: "127.0.0.1:15010" }).xdsPlaintext, { host: "127.0.0.1", port: 15_010 });
  for (const wrong of ["0.0.0.0:15010", "10.0.0.1:1", "127.0.0.1", "127.evil.example:1", "127.0.0.1:99999"]) {
    assert.throws(() => settings({ xdsPlaintext: wrong }), CommandFailure, wrong);
  }
});

test("an external NATS: its password is taken out of the URL and never told", () => {
  const nats = settings({ nats: "nats://me:s%40cret@10.0.0.1" }).nats;
  assert.deepEqual(nats, { url: "nats://10.0.0.1:4222", user: "me", pass: "s@cret" });
  assert.throws(
    () => settings({ nats: "http://me:secret@host" }),
    (cause) => cause instanceof Error && !cause.message.includes("secret") && /redacted/.test(cause.message),
  );
});

test("a nats-server is told to sync before it acknowledges and to listen on loopback", () => {
  const credentials = { user: "weft", pass: "a", system: { user: "system", pass: "b" } };
  const text = natsConfiguration({ name: "n", host: "127.0.0.1", port: 1, storeDirectory: '/a "b"', credentials });
  assert.match(text, /sync_interval: always/);
  assert.match(text, /listen: "127\.0\.0\.1:1"/);
  assert.match(text, /store_dir: "\/a \\"b\\""/);
  assert.doesNotMatch(text, /http/);
});

test("state files are replaced whole and are the user's alone; a socket's path is never too long", () => {
  const state = new DevState(join(directory, "state"));
  const kept = Buffer.from(state.keep("key", () => "first")).toString();
  const again = Buffer.from(state.keep("key", () => "second")).toString();
  assert.deepEqual([kept, again], ["first", "first"]);
  assert.equal(statSync(state.path("key")).mode & 0o777, 0o600);
  assert.equal(statSync(state.root).mode & 0o777, 0o700);

  const deep = new DevState(join(directory, "d".repeat(120)));
  const socket = deep.socket("agent-0");
  assert.ok(Buffer.byteLength(socket) <= limits.socketPathBytes);
  assert.equal(socket, deep.socket("agent-0"));
  rmSync(join(socket, ".."), { recursive: true });
});

const steps: NextStepsInput = {
  dashboard: "http://127.0.0.1:1/",
  api: "http://127.0.0.1:1",
  ingress: "http://127.0.0.1:2",
  pids: { meshd: 11, agent: 12, nats: 13 },
  stateDirectory: undefined,
  root: undefined,
  hasExample: () => true,
  bold: (text) => text,
  dim: (text) => text,
};

test("what to try names only examples that are there, and the directory when it is another", () => {
  const commands = (input: NextStepsInput): string => nextSteps(input).join("\n");
  assert.match(commands(steps), /npx meshctl apply -f examples\/reviews-90-10\.yaml/);
  assert.match(commands(steps), /kill -9 11/);
  assert.doesNotMatch(commands({ ...steps, hasExample: () => false }), /examples\//);
  const elsewhere = commands({ ...steps, root: "/it's/there", stateDirectory: "/tmp/a b" });
  assert.match(elsewhere, /cd '\/it'\\''s\/there'/);
  assert.match(elsewhere, /npx meshctl --state-dir '\/tmp\/a b' wait/);
});
