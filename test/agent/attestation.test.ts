// How a host comes to a mesh, and whom it believes: against a node with real TLS (fake_meshd.ts), in this process.

import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Attestation } from "../../src/agent/attestation.ts";
import { HostKey } from "../../src/agent/host_key.ts";
import { MeshdClient, wrongIdentity } from "../../src/agent/meshd_client.ts";
import { settingsFrom } from "../../src/agent/settings.ts";
import { Trust } from "../../src/agent/trust.ts";
import { workloadSetReply } from "../../src/agent/wire.ts";
import { decodeJoinToken } from "../../src/certificates/attestation/join_token.ts";
import type { JoinToken } from "../../src/certificates/attestation/protocol.ts";
import { bundleOf } from "../../src/certificates/bundle.ts";
import { systemClock } from "../../src/platform/clock.ts";
import { WeftError } from "../../src/platform/error.ts";
import { silentLogger } from "../../src/platform/log.ts";
import { systemRandom } from "../../src/platform/random.ts";
import { StateDirectory } from "../../src/platform/state_directory.ts";
import { trustChain, trustDomain } from "../certificates/fixtures.ts";
import { FakeMeshd } from "../support/fake_meshd.ts";

interface Stage {
  readonly meshd: FakeMeshd;
  readonly directory: string;
  /** An agent's part, as it is after a start. */
  agent(token?: JoinToken): { trust: Trust; client: MeshdClient; attestation: Attestation };
}

async function staged(story: (stage: Stage) => Promise<void>): Promise<void> {
  const meshd = await FakeMeshd.start({ withoutAds: true });
  const directory = mkdtempSync(join(tmpdir(), "weft-attest-"));
  const clients: MeshdClient[] = [];
  const agent = (token?: JoinToken) => {
    const state = new StateDirectory(directory);
    const trust = new Trust(state, silentLogger);
    const client = new MeshdClient(systemClock, () => ({
      addresses: [meshd.address],
      roots: trust.ownRoots,
      meshdId: trust.meshdId,
    }));
    clients.push(client);
    const attestation = new Attestation({
      ...{ clock: systemClock, random: systemRandom, log: silentLogger },
      ...{ hostName: "host-a", hostKey: HostKey.from(state), trust, client, token, addresses: [] },
    });
    return { trust, client, attestation };
  };
  try {
    await story({ meshd, directory, agent });
  } finally {
    for (const client of clients) client.close();
    await meshd.stop();
    rmSync(directory, { recursive: true });
  }
}

const never = new AbortController().signal;
const emptySet = {
  method: "PUT" as const,
  path: "/v1/agent/workloads",
  body: { workloads: [] },
  reply: workloadSetReply,
};

test("joined by the token once; after that the host key and what was kept are enough", async () => {
  await staged(async ({ meshd, agent }) => {
    const first = agent(decodeJoinToken(meshd.token));
    await assert.rejects(first.attestation.begin(AbortSignal.abort()));
    await first.attestation.begin(never);
    await first.client.call(emptySet);
    const second = agent();
    assert.equal(second.attestation.meshKnown, true);
    await second.attestation.begin(never);
    await second.client.call(emptySet);
    assert.deepEqual([meshd.joins, meshd.hostAttestations], [["host-a"], ["host-a"]]);
  });
});

test("without token and mesh, and with a token that was used: refused with what to do", async () => {
  await staged(async ({ meshd, agent }) => {
    await assert.rejects(agent().attestation.begin(never), /meshctl token create/);
    await agent(decodeJoinToken(meshd.token)).attestation.begin(never);
    meshd.hosts.clear();
    const again = agent(decodeJoinToken(meshd.token)).attestation.begin(never);
    await assert.rejects(again, (cause) => cause instanceof WeftError && /token-refused/.test(cause.message));
  });
});

test("a node without the token's root is told no secret", async () => {
  await staged(async ({ meshd, agent }) => {
    const token = { ...decodeJoinToken(meshd.token), rootFingerprint: "0".repeat(64) };
    const giveUp = new AbortController();
    const joining = agent(token).attestation.begin(giveUp.signal);
    const looked = meshd.until(() => meshd.connections >= 2);
    looked.then(() => giveUp.abort(new Error("given up")));
    await assert.rejects(joining, /given up/);
    assert.equal(meshd.requests, 0);
  });
});

test("a node that is not meshd is not believed, whatever its chain ends in", () => {
  const expected = "spiffe://cluster.local/ns/mesh-system/sa/meshd";
  const says = (subjectaltname: string | undefined) => wrongIdentity({ subjectaltname }, expected);
  assert.equal(says(`URI:${expected}`), undefined);
  assert.match(says("URI:spiffe://cluster.local/ns/default/sa/default")?.message ?? "", /not spiffe:/);
  assert.notEqual(says(`URI:${expected}, URI:spiffe://cluster.local/ns/default/sa/default`), undefined);
  assert.notEqual(says(`DNS:"x, URI:${expected}"`), undefined);
  assert.notEqual(says(undefined), undefined);
});

test("a node that was replaced by another with a root of its own is not believed", async () => {
  await staged(async ({ meshd, agent }) => {
    await agent(decodeJoinToken(meshd.token)).attestation.begin(never);
    const other = await FakeMeshd.start({ withoutAds: true });
    try {
      const { trust } = agent();
      const parts = { roots: trust.ownRoots, meshdId: trust.meshdId, addresses: [other.address] };
      const call = new MeshdClient(systemClock, () => parts).call(emptySet);
      await assert.rejects(call, (cause) => cause instanceof WeftError && cause.retry === "later");
      assert.equal(other.sets.length, 0);
    } finally {
      await other.stop();
    }
  });
});

test("without the agent's certificate a call is refused, and that is told", async () => {
  await staged(async ({ meshd, agent }) => {
    const { attestation, client } = agent(decodeJoinToken(meshd.token));
    await attestation.begin(never);
    let told = 0;
    client.onIdentityRefused(() => told++);
    client.present(undefined);
    await assert.rejects(client.call(emptySet), (cause) => cause instanceof WeftError && cause.retry === "later");
    assert.equal(told, 1);
  });
});

test("a bundle never goes back, never loses its own roots; addresses are never forgotten for none", async () => {
  const directory = mkdtempSync(join(tmpdir(), "weft-trust-"));
  try {
    const roots = [(await trustChain(Date.now())).root];
    const trust = new Trust(new StateDirectory(directory), silentLogger);
    const nodes = { agents: ["127.0.0.1:1"], xds: ["127.0.0.1:2"] };
    trust.join({ trustDomain, bundle: bundleOf(trustDomain, roots, 5), nodes });
    const kept = (): number => new Trust(new StateDirectory(directory), silentLogger).joined.bundle.sequence;
    trust.learn({ bundle: bundleOf(trustDomain, roots, 4), nodes: { agents: [], xds: [] } });
    assert.equal(kept(), 5);
    assert.deepEqual(trust.joined.nodes, nodes);
    trust.learn({ bundle: bundleOf(trustDomain, [], 6) });
    trust.learn({ bundle: bundleOf("other.domain", roots, 7) });
    assert.equal(kept(), 5);
    trust.learn({ bundle: bundleOf(trustDomain, roots, 8) });
    assert.equal(kept(), 8);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("flags: the environment stands in for one that is absent; what is wrong is named", () => {
  const settings = settingsFrom(["--state-dir", "/s", "--envoy", "/e"], { MESH_AGENT_HOST_NAME: "h", PATH: "" });
  assert.equal(settings?.hostName, "h");
  assert.equal(settings?.socketPath, "/s/agent.sock");
  assert.equal(settings?.onStop, "drain");
  assert.equal(settingsFrom(["--help"], {}), undefined);
  const wrong: readonly (readonly string[])[] = [
    [],
    ["--state-dir", "/s", "--host-name", "Upper"],
    ["--state-dir", "/s", "--meshd", "nowhere"],
    ["--state-dir", "/s", "--on-stop", "wait"],
    ["--state-dir", "/s", "--what"],
  ];
  for (const args of wrong) assert.throws(() => settingsFrom(args, {}), /read the flags/);
});
