// How a host comes to a mesh, and whom it believes: against a node with real TLS (fake_meshd.ts), in this process.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { Attestation, renewalDelayMs } from "../../src/agent/attestation.ts";
import { HostKey } from "../../src/agent/host_key.ts";
import { hostNameFor, keepHostName } from "../../src/agent/host_name.ts";
import { MeshdClient, wrongIdentity } from "../../src/agent/meshd_client.ts";
import { settingsFrom } from "../../src/agent/settings.ts";
import { Trust } from "../../src/agent/trust.ts";
import { workloadSetReply } from "../../src/agent/wire.ts";
import { decodeJoinToken } from "../../src/certificates/attestation/join_token.ts";
import type { JoinToken } from "../../src/certificates/attestation/protocol.ts";
import { bundleOf } from "../../src/certificates/bundle.ts";
import { type Clock, systemClock } from "../../src/platform/clock.ts";
import { WeftError } from "../../src/platform/error.ts";
import { limits } from "../../src/platform/limits.ts";
import { silentLogger } from "../../src/platform/log.ts";
import { systemRandom } from "../../src/platform/random.ts";
import { StateDirectory } from "../../src/platform/state_directory.ts";
import { trustChain, trustDomain } from "../certificates/fixtures.ts";
import { FakeMeshd } from "../support/fake_meshd.ts";
import { ManualClock, settled } from "../support/manual_clock.ts";

interface Stage {
  readonly meshd: FakeMeshd;
  readonly directory: string;
  /** An agent's part, as it is after a start. */
  agent(token?: JoinToken, clock?: Clock): { trust: Trust; client: MeshdClient; attestation: Attestation };
}

async function staged(story: (stage: Stage) => Promise<void>): Promise<void> {
  const meshd = await FakeMeshd.start({ withoutAds: true });
  const directory = mkdtempSync(join(tmpdir(), "weft-attest-"));
  const clients: MeshdClient[] = [];
  const agent = (token?: JoinToken, clock: Clock = systemClock) => {
    const state = new StateDirectory(directory);
    const trust = new Trust(state, { clock: systemClock, log: silentLogger });
    const client = new MeshdClient(systemClock, () => ({
      addresses: [meshd.address],
      roots: trust.ownRoots,
      meshdId: trust.meshdId,
    }));
    clients.push(client);
    const attestation = new Attestation({
      ...{ clock, random: systemRandom, log: silentLogger },
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

test("a host that was revoked is told why and what to do, once, and comes back when a node takes it again", async () => {
  await staged(async ({ meshd, agent }) => {
    await agent(decodeJoinToken(meshd.token)).attestation.begin(never);
    const hosts = new Map(meshd.hosts);
    meshd.hosts.clear();
    const clock = new ManualClock(Date.now());
    const { attestation } = agent(undefined, clock);
    const told: string[] = [];
    const first = Promise.withResolvers<void>();
    attestation.onRefusal((because) => {
      told.push(because);
      first.resolve();
    });

    attestation.renew(never);
    await first.promise;
    assert.match(told[0] ?? "", /the mesh refuses host host-a: host-unknown; .*meshctl token create/);
    assert.equal(attestation.refusal, told[0]);
    assert.equal(attestation.attested, false);

    const asked = meshd.requests;
    await clock.advance(limits.agentRefusedAgainMs);
    await meshd.until(() => meshd.requests > asked);
    for (const [name, key] of hosts) meshd.hosts.set(name, key);
    // Its answer is still on its way; the wait before the next begins with it.
    while (!attestation.attested) {
      await clock.advance(limits.agentRefusedAgainMs);
      await settled();
    }
    assert.equal(attestation.refusal, undefined);
    assert.equal(told.length, 1);
  });
});

test("a certificate that is old as soon as it is issued is not asked for without a pause", () => {
  const clock = new ManualClock();
  const past = renewalDelayMs({ clock, random: systemRandom }, clock.nowMs() - 600_000);
  assert.equal(past, limits.svidRenewLeastMs);
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

/** A mesh that was joined with bundle 5, kept in a directory of its own. */
async function joined(story: (trust: Trust, roots: readonly Uint8Array[], directory: string) => void): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), "weft-trust-"));
  try {
    const roots = [(await trustChain(Date.now())).root];
    const trust = new Trust(new StateDirectory(directory), { clock: systemClock, log: silentLogger });
    const nodes = { agents: ["127.0.0.1:1"], xds: ["127.0.0.1:2"] };
    trust.join({ trustDomain, bundle: bundleOf(trustDomain, roots, 5), nodes });
    story(trust, roots, directory);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

test("a bundle never goes back, never loses its own roots; addresses are never forgotten for none", async () => {
  await joined((trust, roots, directory) => {
    const kept = (): number =>
      new Trust(new StateDirectory(directory), { clock: systemClock, log: silentLogger }).joined.bundle.sequence;
    const { nodes } = trust.joined;
    trust.learn({ bundle: bundleOf(trustDomain, roots, 4), nodes: { agents: [], xds: [] } });
    assert.equal(kept(), 5);
    assert.deepEqual(trust.joined.nodes, nodes);
    trust.learn({ bundle: bundleOf(trustDomain, [], 6) });
    trust.learn({ bundle: bundleOf("other.domain", roots, 7) });
    assert.equal(kept(), 5);
    trust.learn({ bundle: bundleOf(trustDomain, roots, 8) });
    assert.equal(kept(), 8);
  });
});

test("a disk that takes no more keeps news from nobody but the next agent", async () => {
  await joined((trust, roots, directory) => {
    const heard: number[] = [];
    trust.onChange(() => {
      throw new Error("no space left on device");
    });
    trust.onChange(() => heard.push(trust.joined.bundle.sequence));
    // A directory in the file's place: no write can succeed.
    rmSync(join(directory, "mesh.json"));
    mkdirSync(join(directory, "mesh.json"));

    trust.learn({ bundle: bundleOf(trustDomain, roots, 6) });

    assert.deepEqual(heard, [6]);
  });
});

test("a host keeps the name that it joined by; another that is asked for is refused with both in one line", () => {
  const directory = mkdtempSync(join(tmpdir(), "weft-host-"));
  try {
    const state = new StateDirectory(directory);
    assert.equal(hostNameFor(state, undefined, "machine"), "machine");
    assert.equal(hostNameFor(state, "asked", "machine"), "asked");
    assert.throws(() => hostNameFor(state, undefined, "Not A Name"), /give one by --host-name/);
    keepHostName(state, "asked");
    for (const asked of [undefined, "asked"]) assert.equal(hostNameFor(state, asked, "Renamed Machine"), "asked");
    assert.throws(
      () => hostNameFor(state, "other", "machine"),
      /^\S*Error: be host other: .* is that of host asked, [^\n]*$/,
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test("flags: the environment stands in for one that is absent; what is wrong is named", () => {
  const settings = settingsFrom(["--state-dir", "/s", "--envoy", "/e"], { MESH_AGENT_HOST_NAME: "h", PATH: "" });
  assert.equal(settings?.hostName, "h");
  assert.equal(settings?.socketPath, "/s/agent.sock");
  assert.deepEqual([settings?.onStop, settings?.endWithInput], ["drain", false]);
  assert.equal(settingsFrom(["--state-dir", "/s"], {})?.hostName, undefined);
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
