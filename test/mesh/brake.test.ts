// What keeps changes from the proxies, in a mesh of three nodes with real Envoys: an operator's freeze, the brake, and a
// NATS that loses all its servers at once, again and again. What an Envoy was sent it counts itself.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { Mesh, type Ran } from "../support/mesh.ts";
import { send } from "../support/requests.ts";
import { demoLoad, type LoadReport, stopLoads } from "../support/steady_load.ts";
import { natsAccess, openStoreOf } from "../support/three_nodes.ts";

/** Between two looks at what has no event to wait for, ms. */
const pollMs = 50;
const rounds = 5;
const patienceMs = 60_000;

const deny = (path: string): string => `apiVersion: security.mesh.io/v1
kind: AuthorizationPolicy
metadata: {name: brake}
spec:
  action: DENY
  rules: [{to: [{operation: {paths: ["${path}"]}}]}]
`;

let mesh: Mesh;

before(async () => {
  mesh = await Mesh.start({ args: ["--nodes", "3"] });
});
after(() => mesh?.remove());

async function good(args: readonly string[], input?: string): Promise<Ran> {
  const ran = await mesh.meshctl(args, input);
  assert.equal(ran.code, 0, ran.stderr);
  return ran;
}

const waited = (): Promise<Ran> => mesh.meshctl(["wait", "--for=distributed", "--timeout", "30s"]);

async function until(holds: () => Promise<boolean>, what: string | (() => string)): Promise<void> {
  for (const endsAt = performance.now() + patienceMs; !(await holds().catch(() => false)); await wait(pollMs)) {
    if (performance.now() > endsAt) {
      assert.fail(`not within ${patienceMs / 1_000} s: ${typeof what === "string" ? what : what()}`);
    }
  }
}

const isReady = async (api: string): Promise<boolean> => (await fetch(`${api}/readyz`)).ok;

interface SeenProxy {
  readonly meshd: string;
  readonly connected: boolean;
}

async function proxiesSeenBy(api: string): Promise<readonly SeenProxy[]> {
  return JSON.parse(await (await fetch(`${api}/v1/proxies`)).text());
}

/** The node with the most proxies, and the API of another. */
async function busiest(): Promise<{ readonly name: string; readonly others: string }> {
  const { nodes, api } = mesh.ready;
  const proxies = await proxiesSeenBy(api);
  const count = (name: string): number => proxies.filter(({ meshd }) => meshd === name).length;
  const [most] = [...nodes].sort((a, b) => count(b.name) - count(a.name));
  const other = nodes.find(({ name }) => name !== most?.name);
  return { name: most?.name ?? "", others: other?.api ?? "" };
}

/** Under the demo's two loads; ended also when the work fails. No request may. */
async function underLoad(work: () => Promise<void>): Promise<void> {
  const loads = demoLoad(mesh.ready.ingress, mesh.workload("productpage-v1").outbound ?? "", 20);
  let report: LoadReport | undefined;
  try {
    await work();
  } finally {
    report = await stopLoads(loads);
  }
  assert.equal(report.failed, 0, JSON.stringify(report.reasons));
  assert.ok(report.sent > 20, `only ${report.sent} requests`);
}

const statusOf = async (path: string): Promise<number> => {
  const via = mesh.workload("productpage-v1").outbound ?? "";
  return (await send({ via, host: "reviews:9080", path })).status;
};

function say(service: string, source: string, count: number): Promise<Response> {
  const endpoints = Array.from({ length: count }, (_, i) => ({
    ...{ id: `e${i}`, address: "127.0.0.1", ports: { http: 20_000 + i } },
  }));
  const body = JSON.stringify({ ports: [{ name: "http", port: 80, protocol: "http" }], endpoints });
  return mesh.api(`/v1/endpoints/default/${service}?source=${source}`, { method: "PUT", body });
}

/** What the Envoys counted of changes of their configuration: removed, changed, emptied. */
async function counted(): Promise<Record<string, number>> {
  const names = "cluster_removed|cluster_modified|listener_removed|listener_modified|membership_change|update_empty";
  const counts: Record<string, number> = {};
  for (const { name, admin } of mesh.ready.workloads) {
    const text = await (await fetch(`http://${admin}/stats?filter=(${names})$`)).text();
    for (const line of text.trim().split("\n")) {
      const [stat = "", value = ""] = line.split(": ");
      // The nodes and the agent by which it is served are no configuration of the mesh.
      if (/xds-meshd|sds-agent/.test(stat)) continue;
      counts[`${name} ${stat}`] = Number(value);
    }
  }
  return counts;
}

describe("a freeze", () => {
  test("what is applied waits, on every node, also after one is started again; lifted, it goes", async () => {
    assert.equal(await statusOf("/reviews/0?first"), 200);
    const frozen = await good(["freeze", "--reason", "incident 4711"]);
    assert.match(frozen.stderr, /frozen: proxies keep the configuration of \S+-\d+/);
    assert.match(frozen.stdout, /incident 4711; nothing waits/);

    const applied = await good(["apply", "-f", "-"], deny("/reviews/0"));
    assert.match(applied.stderr, /MSH1602.*frozen/);
    const held = await waited();
    assert.equal(held.code, 1);
    assert.match(held.stderr, /held, not distributed: frozen since .*incident 4711; 1 change held.*freeze --off/);
    assert.match((await mesh.meshctl(["check"])).stdout, /changes on their way, frozen.*meshctl freeze --off/);
    assert.equal(await statusOf("/reviews/0"), 200);

    for (const { name } of mesh.ready.nodes) {
      const pid = mesh.pidOf(name) ?? assert.fail(name);
      await mesh.restartOf(name, () => process.kill(pid, "SIGKILL"));
      const api = mesh.ready.nodes.find((node) => node.name === name)?.api ?? "";
      await until(() => isReady(api), `${name} is ready`);
      const shown = JSON.parse(await (await fetch(`${api}/v1/freeze`)).text());
      assert.deepEqual([shown.frozen, shown.holds[0]?.changes], [true, 1]);
    }
    const connected = async () => (await proxiesSeenBy(mesh.ready.api)).every((proxy) => proxy.connected);
    await until(connected, "all proxies are with the new nodes");
    assert.equal(await statusOf("/reviews/0"), 200, "the new nodes serve what was in force at the freeze");

    await good(["freeze", "--off"]);
    assert.equal((await waited()).code, 0);
    assert.equal(await statusOf("/reviews/0"), 403);
    await good(["delete", "authorizationpolicy", "brake"]);
    assert.equal((await waited()).code, 0);
    assert.equal(await statusOf("/reviews/0"), 200);
  });
});

describe("the brake", () => {
  test("a registry that suddenly knows nobody: held and named, a DENY flows, released it goes", async () => {
    const services = ["r0", "r1", "r2", "r3"];
    for (const service of services) assert.equal((await say(service, "registry", 5)).status, 200);
    assert.equal((await waited()).code, 0);
    for (const service of services) assert.equal((await say(service, "registry", 0)).status, 200);
    const held = await waited();
    assert.equal(held.code, 1);
    assert.match(held.stderr, /the brake holds a sudden drop.*registry; if that is meant: meshctl freeze --release/);
    const check = await mesh.meshctl(["check"]);
    assert.equal(check.code, 79);
    assert.match(check.stdout, /changes on their way, drop/);
    assert.match(await (await mesh.api("/metrics")).text(), /weft_held_changes\{reason="drop"\} [1-4]/);

    const { stdout } = await good(["apply", "-f", "-", "-o", "json"], deny("/reviews/0"));
    const { revision } = JSON.parse(stdout);
    await good(["wait", "--for=distributed", "--revision", revision]);
    assert.equal(await statusOf("/reviews/0"), 403);
    await good(["delete", "authorizationpolicy", "brake"]);

    await good(["freeze", "--release"]);
    assert.equal((await waited()).code, 0);
    assert.equal((await mesh.meshctl(["check"])).code, 0);
  });
});

describe("all of NATS restarted fast", () => {
  async function storeAnswers(round: number): Promise<void> {
    await until(async () => {
      const { ok } = await mesh.api(`/v1/endpoints/default/none?source=round${round}`, {
        method: "PUT",
        body: JSON.stringify({ ports: [{ name: "http", port: 80, protocol: "http" }], endpoints: [] }),
        signal: AbortSignal.timeout(5_000),
      });
      return ok;
    }, "the store takes writes again");
  }

  test(`${rounds} times, once with all nodes: no Envoy is sent a removal, no request fails`, async (t) => {
    const untouched = await counted();
    await say("none", "probe", 1);
    assert.equal((await waited()).code, 0);
    assert.notDeepEqual(await counted(), untouched, "the counts notice a change");
    await storeAnswers(0);
    assert.equal((await waited()).code, 0);
    const before = await counted();
    await underLoad(async () => {
      for (let round = 1; round <= rounds; round++) {
        const nats = mesh.ready.nats.map(({ name }) => name);
        const names = round === rounds ? [...nats, ...mesh.ready.nodes.map(({ name }) => name)] : nats;
        const startedMs = performance.now();
        const killed = names.map((name) =>
          mesh.restartOf(name, () => process.kill(mesh.pidOf(name) ?? assert.fail(name), "SIGKILL")),
        );
        await Promise.all(killed);
        await storeAnswers(round);
        t.diagnostic(
          `round ${round}: ${names.length} processes; writes again after ${performance.now() - startedMs} ms`,
        );
      }
      assert.equal((await waited()).code, 0);
    });
    // `none` was made before, so nothing of what the Envoys have changed at all.
    assert.deepEqual(await counted(), before);
  });

  test("its streams are lost, and made again empty: proxies keep what they have, and what is declared anew reaches them", async () => {
    const before = await counted();
    const holds = async (api: string): Promise<string> => {
      try {
        const { holds: held } = JSON.parse(await (await fetch(`${api}/v1/freeze`)).text());
        return held.map(({ message }: { readonly message: string }) => message).join() || "nothing";
      } catch (cause) {
        return String(cause);
      }
    };
    // A node that starts when they are lost already knows of nothing that it could miss.
    for (const { name, api } of mesh.ready.nodes) await until(() => isReady(api), `${name} is ready`);
    await underLoad(async () => {
      await loseStreams(mesh);
      for (const { name, api } of mesh.ready.nodes) {
        let shown = "";
        const held = async (): Promise<boolean> => {
          shown = await holds(api);
          return /^6 objects .* not in the store/.test(shown);
        };
        await until(held, () => `${name} holds them, but shows: ${shown}`);
      }
      assert.equal((await mesh.meshctl(["check"])).code, 79);
      await good(["apply", "-f", "-"], deny("/reviews/7"));
      await until(async () => (await statusOf("/reviews/7")) === 403, "a new policy is in force");
      // Started again, it knows neither objects nor the root, and the store has neither; so it stays outside.
      const { name, others } = await busiest();
      await mesh.restartOf(name, () => process.kill(mesh.pidOf(name) ?? assert.fail(name), "SIGKILL"));
      const moved = async (): Promise<boolean> => {
        const proxies = await proxiesSeenBy(others);
        return proxies.every(({ connected, meshd }) => connected && meshd !== name);
      };
      await until(moved, "all proxies are with the nodes that still have it");
    });
    assert.deepEqual(await counted(), before);

    const page = () =>
      send({ via: new URL(mesh.ready.ingress).host, path: "/productpage" }).then(({ status }) => status);
    assert.equal(await page(), 200);
    await good(["freeze", "--release"]);
    await until(async () => (await page().catch(() => 0)) !== 200, "released, the ingress serves nothing any more");
  });
});

/** Both streams are deleted, and made again by whoever opens the store next: nobody of this mesh. */
async function loseStreams(of: Mesh): Promise<void> {
  const nats = await connect(natsAccess(of));
  const { streams } = await jetstreamManager(nats);
  for (const stream of ["WEFT_LOCAL_RECORDS", "WEFT_LOCAL_ENDPOINTS"]) await streams.delete(stream);
  await nats.close();
  await (await openStoreOf(of)).close();
}
