// Three nodes on three nats-servers under load, while one of either is killed or stands still: no request fails, no
// acknowledged write is lost, writes go on within the time that the survivors need to agree, configuration flows.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { ConfigurationFlow } from "../support/configuration_flow.ts";
import { type Bench, type Fault, type FaultReport, freezeOf, killOf, strike } from "../support/fault.ts";
import { Mesh } from "../support/mesh.ts";
import { SteadyWrites, type WriteReport } from "../support/steady_writes.ts";

const flowLimitMs = 10_000;
const meshdGapMs = 5_000;
/** Its own election takes 4 to 9 s. */
const natsGapMs = 12_000;
/** As many as to be on every node with near certainty. */
const services = 9;

/** Between two looks at what has no event to wait for, ms. */
const pollMs = 50;

interface Member {
  readonly name: string;
  readonly state: string;
  readonly self: boolean;
}

describe("three nodes", () => {
  let mesh: Mesh;
  let bench: Bench;

  before(async () => {
    mesh = await Mesh.start({ args: ["--nodes", "3"] });
    bench = { mesh, flow: await ConfigurationFlow.start(mesh), perSecond: 20 };
  });

  after(async () => {
    await bench?.flow.close();
    await mesh?.remove();
  });

  const apiOf = (name: string): string => mesh.ready.nodes.find((node) => node.name === name)?.api ?? "";
  const membersAt = async (name: string): Promise<readonly Member[]> =>
    (await fetch(`${apiOf(name)}/v1/members`)).json() as Promise<readonly Member[]>;

  async function struck(t: { diagnostic(text: string): void }, fault: Fault, asked: readonly string[]) {
    const writes = new SteadyWrites(asked.map(apiOf), services);
    const report = await strike(bench, fault);
    const written = await writes.stop();
    const { failed, sent, slowestMs, ...times } = report;
    t.diagnostic(`${fault.name}: ${JSON.stringify({ failed, sent, slowestMs, ...times, ...written })}`);
    return { report, written };
  }

  function assertUnharmed({ sent, failed, reasons, stale, ...times }: FaultReport): void {
    assert.ok(sent > 100, `only ${sent} requests were sent`);
    assert.equal(failed, 0, JSON.stringify(reasons));
    assert.equal(stale, 0, "requests went the old way after the mesh had said `distributed`");
    for (const what of ["routesMs", "endpointsMs", "newcomerMs"] as const) {
      assert.ok(times[what] <= flowLimitMs, `${what} ${times[what]}`);
    }
  }

  function assertWritten({ acknowledged, longestMs, lost }: WriteReport, limitMs: number): void {
    assert.ok(acknowledged > services, `only ${acknowledged} writes`);
    assert.deepEqual(lost, []);
    assert.ok(longestMs <= limitMs, `a write took ${longestMs} ms`);
  }

  test("all nodes are ready, know each other, and say the same of all proxies", async () => {
    for (const { name, api } of mesh.ready.nodes) {
      assert.equal((await fetch(`${api}/readyz`)).status, 200);
      assert.deepEqual(
        (await membersAt(name)).map(({ name: member, state, self }) => [member, state, self]),
        ["meshd-0", "meshd-1", "meshd-2"].map((member) => [member, "alive", member === name]),
      );
      const response = await fetch(`${api}/v1/proxies`);
      const proxies = (await response.json()) as readonly { proxy: string; connected: boolean }[];
      assert.equal(response.headers.get("weft-silent-nodes"), null);
      assert.equal(proxies.filter(({ connected }) => connected).length, 7);
    }
    assert.equal((await mesh.meshctl(["check"])).code, 0);
    const members = await mesh.meshctl(["members", "-o", "name"]);
    assert.deepEqual(members.stdout.trim().split("\n"), ["meshd-0", "meshd-1", "meshd-2"]);
  });

  test("all nodes know the whole traffic, whichever the agent speaks to", async () => {
    for (const { api } of mesh.ready.nodes) {
      let called: readonly string[] = [];
      while (!["details", "ratings", "reviews"].every((service) => called.includes(service))) {
        const { edges } = (await (await fetch(`${api}/v1/topology`)).json()) as { edges: { toService: string }[] };
        called = edges.map(({ toService }) => toService);
      }
    }
  });

  test("kill -9 of a meshd: its actors and its proxies go to the others", async (t) => {
    const { report, written } = await struck(t, killOf(mesh, "meshd-1"), ["meshd-0", "meshd-2"]);
    assertUnharmed(report);
    assertWritten(written, meshdGapMs);
  });

  test("a meshd that stands still is removed, and comes back as a member", async (t) => {
    const freeze = freezeOf(mesh, "meshd-2", 6_000);
    let during: readonly Member[] = [];
    const fault: Fault = {
      name: freeze.name,
      strike: async () => {
        const looking = (async () => {
          while (during.find(({ name }) => name === "meshd-2")?.state !== "dead") {
            during = await membersAt("meshd-0");
            await wait(pollMs);
          }
        })();
        await Promise.all([freeze.strike(), looking]);
      },
    };
    const { report, written } = await struck(t, fault, ["meshd-0", "meshd-1"]);
    assertUnharmed(report);
    assertWritten(written, meshdGapMs);
    for (const name of ["meshd-0", "meshd-2"]) {
      while ((await membersAt(name)).some(({ state }) => state !== "alive")) await wait(pollMs);
    }
  });

  test("kill -9 of the nats-server that leads the records", async (t) => {
    const leader = await leaderOfRecords(mesh);
    const { report, written } = await struck(t, killOf(mesh, leader), ["meshd-0", "meshd-1", "meshd-2"]);
    assert.equal(report.failed, 0, JSON.stringify(report.reasons));
    assert.equal(report.stale, 0);
    assertWritten(written, natsGapMs);
  });

  test("a state directory of three nodes is not started with one", async () => {
    assert.equal(await mesh.stop(), 0);
    assert.deepEqual(await mesh.leftovers(), []);
    const { code, stderr } = await mesh.meshctl(["dev"]);
    assert.equal(code, 1);
    assert.match(stderr, /made with --nodes 3/);
  });
});

async function leaderOfRecords(mesh: Mesh): Promise<string> {
  const read = (name: string) => JSON.parse(readFileSync(join(mesh.stateDir, name), "utf8"));
  const { user, pass } = read("nats-credentials.json");
  const servers = read("dev.json").nats.map(({ url }: { readonly url: string }) => url);
  const nats = await connect({ servers, user, pass });
  try {
    const { cluster } = await (await jetstreamManager(nats)).streams.info("WEFT_LOCAL_RECORDS");
    // The server's name, which begins with the part's.
    const leader = mesh.ready.nats.find(({ name }) => `${cluster?.leader}-`.startsWith(`${name}-`));
    if (!leader) throw new Error(`no nats-server leads: ${cluster?.leader}`);
    return leader.name;
  } finally {
    await nats.close();
  }
}
