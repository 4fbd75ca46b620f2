// Which ports a gateway listens on beyond its own: as long as Gateway objects ask for them, and a little longer.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { GatewayPorts, planPorts } from "../../src/agent/gateway_ports.ts";
import { HeldPorts } from "../../src/agent/held_ports.ts";
import { KeptRecord } from "../../src/agent/kept_record.ts";
import { type RunRecord, RunRecords } from "../../src/agent/run_record.ts";
import { defaultNamespace, type Locality } from "../../src/model/names.ts";
import type { GatewayWorkload } from "../../src/model/workload.ts";
import { FreePorts } from "../../src/platform/free_ports.ts";
import { limits } from "../../src/platform/limits.ts";
import { silentLogger } from "../../src/platform/log.ts";
import { seededRandom } from "../../src/platform/random.ts";
import { StateDirectory } from "../../src/platform/state_directory.ts";
import { ManualClock } from "../support/manual_clock.ts";

const own = { address: "127.0.0.1", port: 15_080 };
const shared = { namespace: defaultNamespace, serviceAccount: "default", labels: {}, eastWest: false };
const workload: GatewayWorkload = {
  ...{ ...shared, role: "gateway", name: "g", network: "", host: "h" },
  ...{ locality: "" as Locality, listeners: { "80": own } },
};
const record: RunRecord = {
  request: {
    ...{ ...shared, role: "gateway", session: "s", name: "g", namespace: "default", locality: "" },
    ports: [{ port: 80, hostPort: own.port }],
  },
  ...{ workload, admin: { address: "127.0.0.1", port: 1 }, sdsSocket: "/s", serving: true, starts: 1 },
};

function stage(directory: string) {
  const clock = new ManualClock();
  const over = new AbortController();
  const free = new FreePorts({ range: { first: 100, last: 102 }, random: seededRandom(1), mayHave: async () => true });
  const kept = new KeptRecord(new RunRecords(new StateDirectory(directory)), record, silentLogger);
  const told: (readonly [number, number])[] = [];
  const node = { told: 0, answers: async () => {} };
  const ports = new HeldPorts(free);
  const gateway = new GatewayPorts({
    ...{ clock, log: silentLogger, kept, ports, over: over.signal },
    tell: () => {
      node.told++;
      return node.answers();
    },
    listens: (port, at) => told.push([port, at.port]),
  });
  const listening = (): readonly string[] => {
    const { workload: now } = kept.now;
    return now.role === "gateway" ? Object.keys(now.listeners) : [];
  };
  return { clock, over, free, told, node, gateway, listening };
}

async function staged(story: (parts: ReturnType<typeof stage>) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "weft-gateway-"));
  try {
    await story(stage(directory));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test("a port that is asked for gets a listener once; one that is not any more loses it after the grace", async () => {
  await staged(async ({ clock, free, told, node, gateway, listening }) => {
    await gateway.ask([80, 8443]);
    await gateway.ask([80, 8443]);
    assert.deepEqual(listening(), ["80", "8443"]);
    assert.equal(told.length, 1);

    await gateway.ask([80]);
    await clock.advance(limits.gatewayPortGraceMs - 1);
    await gateway.ask([80]);
    assert.deepEqual(listening(), ["80", "8443"]);
    await clock.advance(1);
    await gateway.ask([80]);
    assert.deepEqual(listening(), ["80"]);
    assert.equal(node.told, 2);
    // It is anybody's again: all three of the range can be had.
    for (let taken = 0; taken < 3; taken++) await free.take();
  });
});

test("a port that is asked for again within the grace stays where it was, and its grace begins anew", async () => {
  await staged(async ({ clock, told, gateway, listening }) => {
    await gateway.ask([8443]);
    for (let round = 0; round < 3; round++) {
      await gateway.ask([]);
      await clock.advance(limits.gatewayPortGraceMs - 1);
      await gateway.ask([8443]);
      await clock.advance(limits.gatewayPortGraceMs);
    }
    assert.deepEqual(listening(), ["80", "8443"]);
    assert.equal(told.length, 1);
  });
});

test("a port of the gateway's own request stays, whoever asks", async () => {
  await staged(async ({ clock, gateway, listening }) => {
    await gateway.ask([]);
    await clock.advance(limits.gatewayPortGraceMs * 2);
    await gateway.ask([]);
    assert.deepEqual(listening(), ["80"]);
  });
});

test("what is asked while a change is under way waits for the next time; at the end nothing is asked any more", async () => {
  await staged(async ({ over, node, gateway, listening }) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    node.answers = () => promise;
    const first = gateway.ask([81]);
    await gateway.ask([82]);
    resolve();
    await first;
    assert.deepEqual(listening(), ["80", "81"]);
    await gateway.ask([81, 82]);
    assert.deepEqual(listening(), ["80", "81", "82"]);
    over.abort();
    await gateway.ask([81, 82, 83]);
    assert.deepEqual(listening(), ["80", "81", "82"]);
  });
});

test("more ports than a workload may have are left out, and counted", () => {
  const asked = Array.from({ length: limits.portsPerWorkload + 5 }, (_, i) => 1_000 + i);
  const plan = planPorts({ listening: [80], own: [80], asked, unasked: new Map(), nowMs: 0 });
  assert.deepEqual([plan.add.length, plan.tooMany.length], [limits.portsPerWorkload - 1, 6]);
});
