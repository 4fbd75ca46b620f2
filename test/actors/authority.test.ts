import assert from "node:assert/strict";
import { test } from "node:test";
import { AuthorityClient } from "../../src/actors/authority_client.ts";
import { authority, bundleOfState } from "../../src/actors/kinds/authority.ts";
import { authorityHands } from "../../src/actors/kinds/authority_hands.ts";
import { moveSlot } from "../../src/actors/kinds/authority_slots.ts";
import { stateInRecord } from "../../src/actors/runtime/envelope.ts";
import { LocalNetwork } from "../../src/actors/runtime/local_network.ts";
import { soleMember } from "../../src/actors/runtime/placement.ts";
import { ActorRuntime } from "../../src/actors/runtime/runtime.ts";
import { rootsOf } from "../../src/certificates/bundle.ts";
import { issuerFrom } from "../../src/certificates/issuer.ts";
import { exportPrivateKey, makeKeyPair } from "../../src/certificates/key_pair.ts";
import { makeSealingKeyText, type SealingKey, sealingKeyFrom } from "../../src/certificates/key_sealing.ts";
import { issueSvid } from "../../src/certificates/svid.ts";
import { verifySvidProfile } from "../../src/certificates/svid_profile.ts";
import { meshdId } from "../../src/model/identity.ts";
import { WeftError } from "../../src/platform/error.ts";
import { limits } from "../../src/platform/limits.ts";
import { silentLogger } from "../../src/platform/log.ts";
import { systemRandom } from "../../src/platform/random.ts";
import { authorityRecord } from "../../src/store/keys.ts";
import { MemoryServer } from "../../src/store/memory/server.ts";
import { trustDomain } from "../certificates/fixtures.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { nodeName } from "./cluster.ts";

class Mesh {
  readonly clock = new ManualClock();
  readonly server = new MemoryServer({ clock: this.clock, random: systemRandom });
  readonly sealing = sealingKeyFrom(makeSealingKeyText(systemRandom));

  /** Whether the mesh has a root that the store has lost. */
  isLost = false;

  node(name: string, sealing: SealingKey = this.sealing): { runtime: ActorRuntime; client: AuthorityClient } {
    const { clock } = this;
    const runtime = new ActorRuntime({
      view: soleMember(nodeName(name)),
      transport: new LocalNetwork(clock).join(nodeName(name)),
      store: this.server.open(),
      clock,
      random: systemRandom,
      log: silentLogger,
    });
    const hands = authorityHands({ sealingKey: sealing, random: systemRandom, isLost: () => this.isLost });
    runtime.host(authority, hands, [trustDomain]);
    runtime.start();
    return { runtime, client: new AuthorityClient(runtime, trustDomain) };
  }
}

test("a new domain gets its first root without being asked, active at once", async () => {
  const mesh = new Mesh();
  const { client } = mesh.node("a");
  await mesh.clock.advance(limits.actorSweepMs);

  const bundle = await client.bundle();

  assert.equal(bundle.sequence, 1);
  assert.equal(rootsOf(bundle, trustDomain).length, 1);
});

test("a domain whose record the store has lost gets no second first root, until somebody says that it is meant", async () => {
  const mesh = new Mesh();
  mesh.isLost = true;
  const { client } = mesh.node("a");
  const asked = client.bundle().catch((cause: unknown) => cause);
  await mesh.clock.advance(limits.actorRequestMs);
  assert.match(String(await asked), /the store has lost/);

  mesh.isLost = false;
  assert.equal(rootsOf(await client.bundle(), trustDomain).length, 1);
});

test("two nodes that both make a first root end with one", async () => {
  const mesh = new Mesh();
  const [a, b] = [mesh.node("a"), mesh.node("b")];

  const bundles = await Promise.all([a.client.bundle(), b.client.bundle()]);
  const later = await Promise.all([a.client.bundle(), b.client.bundle()]);

  assert.deepEqual(later[0], later[1]);
  assert.deepEqual(bundles[0], bundles[1]);
});

test("a node's intermediate signs SVIDs that hold under the bundle it came with", async () => {
  const mesh = new Mesh();
  const { client } = mesh.node("a");
  const keys = makeKeyPair();

  const { chain, bundle } = await client.signIntermediate("node-1", keys.publicKey);

  const issuer = await issuerFrom(chain[0] ?? assert.fail("no certificate"), keys.privateKey, chain);
  const order = { spiffeId: meshdId(trustDomain), publicKey: makeKeyPair().publicKey, lifetimeMs: 60_000 };
  const svid = issueSvid(order, issuer, mesh.clock.nowMs(), systemRandom);
  assert.deepEqual(await verifySvidProfile(svid.chain, bundle, mesh.clock.nowMs()), []);
});

test("the next owner opens the sealed root and goes on with it", async () => {
  const mesh = new Mesh();
  const a = mesh.node("a");
  const { bundle: first } = await a.client.signIntermediate("node-1", makeKeyPair().publicKey);
  await a.runtime.drain();
  const b = mesh.node("b");

  const { bundle: second } = await b.client.signIntermediate("node-2", makeKeyPair().publicKey);

  assert.deepEqual(second, first);
});

test("a node without the sealing key refuses to sign, and harms nothing", async () => {
  const mesh = new Mesh();
  const a = mesh.node("a");
  await a.client.bundle();
  const stranger = mesh.node("b", sealingKeyFrom(makeSealingKeyText(systemRandom)));

  const signing = assert.rejects(
    stranger.client.signIntermediate("node-2", makeKeyPair().publicKey),
    (error) => error instanceof WeftError && error.code === "denied",
  );
  await mesh.clock.advance(limits.actorRequestMs);
  await signing;

  await a.client.signIntermediate("node-1", makeKeyPair().publicKey);
});

test("the record holds no key in the clear, and remembers who got an intermediate", async () => {
  const mesh = new Mesh();
  const { client } = mesh.node("a");
  await client.signIntermediate("node-1", makeKeyPair().publicKey);

  const record = await mesh.server.open().read("records", authorityRecord(trustDomain));

  const text = JSON.stringify(record?.value);
  const pkcs8Beginning = Buffer.from(exportPrivateKey(makeKeyPair().privateKey)).subarray(0, 24).toString("base64");
  assert.ok(!text.includes(pkcs8Beginning), "a PKCS#8 key would begin so");
  assert.match(text, /"node-1":\{"slot"/);
});

test("a node that follows records reads the bundle in the authority's", async () => {
  const mesh = new Mesh();
  const { client } = mesh.node("a");
  const bundle = await client.bundle();

  const record = await mesh.server.open().read("records", authorityRecord(trustDomain));

  const state = stateInRecord(authority, record?.value, "authority");
  assert.deepEqual(bundleOfState(trustDomain, state), bundle);
});

test("a key that is not on P-256, and a node name that is none, are refused", async () => {
  const mesh = new Mesh();
  const { client } = mesh.node("a");

  await assert.rejects(client.signIntermediate("node-1", new Uint8Array([1, 2, 3])), WeftError);
  await assert.rejects(client.signIntermediate("../node", makeKeyPair().publicKey), WeftError);
});

test("a slot moves only as drawn", () => {
  const slot = { id: "s", root: "", sealedKey: { version: 1, keyId: "", nonce: "", sealed: "" } } as const;
  const prepared = { ...slot, phase: { phase: "prepared", sinceMs: 0 } } as const;

  const retiring = moveSlot(moveSlot(prepared, "active", 1), "retiring", 2);

  assert.deepEqual(retiring.phase, { phase: "retiring", sinceMs: 2 });
  assert.throws(() => moveSlot(retiring, "active", 3), WeftError);
  assert.throws(() => moveSlot(prepared, "retiring", 3), WeftError);
});
