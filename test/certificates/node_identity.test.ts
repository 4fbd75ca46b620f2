import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { connect, createServer, type TLSSocket } from "node:tls";
import type { BundleSet } from "../../src/certificates/attestation/protocol.ts";
import { createIntermediate } from "../../src/certificates/authority_certificates.ts";
import { bundleOf } from "../../src/certificates/bundle.ts";
import { serialText } from "../../src/certificates/certificate.ts";
import { makeKeyPair } from "../../src/certificates/key_pair.ts";
import { type AuthorityPort, type NodeCertificates, NodeIdentity } from "../../src/certificates/node_identity.ts";
import type { Signer } from "../../src/certificates/signer.ts";
import { createSigningRequest } from "../../src/certificates/signing_request.ts";
import { verifySvidProfile } from "../../src/certificates/svid_profile.ts";
import { WeftError } from "../../src/platform/error.ts";
import { limits } from "../../src/platform/limits.ts";
import { silentLogger } from "../../src/platform/log.ts";
import { systemRandom } from "../../src/platform/random.ts";
import { runSignTask } from "../../src/workers/sign_task.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { spiffeId, type TrustChain, trustChain, trustDomain } from "./fixtures.ts";

class Authority implements AuthorityPort {
  readonly #clock: ManualClock;
  readonly #trust: TrustChain;
  current: BundleSet;
  reachable = true;
  signed = 0;

  constructor(clock: ManualClock, trust: TrustChain) {
    this.#clock = clock;
    this.#trust = trust;
    this.current = trust.bundle;
  }

  async signIntermediate(nodeName: string, publicKey: Uint8Array) {
    this.#mustBeReachable();
    this.signed++;
    const request = { trustDomain, nodeName, publicKey, nowMs: this.#clock.nowMs(), random: systemRandom };
    return { chain: [await createIntermediate(request, this.#trust.rootIssuer)], bundle: this.current };
  }

  async bundle(): Promise<BundleSet> {
    this.#mustBeReachable();
    return this.current;
  }

  #mustBeReachable(): void {
    if (this.reachable) return;
    throw new WeftError({ code: "unavailable", retry: "later", attempted: "ask", because: "cut off" });
  }
}

function nodeOn(clock: ManualClock, authority: AuthorityPort, svidLifetimeMs: number): NodeIdentity {
  const signer: Signer = {
    signSvids: async (issuer, requests, lifetimeMs) =>
      runSignTask({ kind: "sign", issuer, requests, lifetimeMs, nowMs: clock.nowMs() }, systemRandom).answers,
  };
  const ports = { authority, signer, clock, random: systemRandom, log: silentLogger };
  return new NodeIdentity({ trustDomain, nodeName: "node-1", svidLifetimeMs, ...ports });
}

async function authorityOn(clock: ManualClock): Promise<Authority> {
  return new Authority(clock, await trustChain(clock.nowMs()));
}

const serial = ({ svid }: NodeCertificates): string => serialText(svid.chain[0] ?? new Uint8Array());
const minute = 60_000;

test("a node that has started holds a good meshd SVID, and signs others that are good", async () => {
  const clock = new ManualClock();
  const node = nodeOn(clock, await authorityOn(clock), minute);
  assert.throws(() => node.current(), WeftError);
  await assert.rejects(node.issue([]), WeftError);

  await node.start();

  const { svid, bundle } = node.current();
  assert.equal(svid.spiffeId, "spiffe://cluster.local/ns/mesh-system/sa/meshd");
  assert.deepEqual(await verifySvidProfile(svid.chain, bundle, clock.nowMs()), []);
  const csr = await createSigningRequest(makeKeyPair());
  const [answer] = await node.issue([{ spiffeId: spiffeId("x"), csr }]);
  assert.ok(answer?.kind === "issued");
  assert.ok(answer.svid.notAfterMs <= clock.nowMs() + minute);
  node.stop();
});

test("its SVID is renewed about half of its life before it ends, again and again, each told to listeners", async () => {
  const clock = new ManualClock();
  const node = nodeOn(clock, await authorityOn(clock), minute);
  await node.start();
  const seen = [node.current()];
  node.onChange((certificates) => seen.push(certificates));

  for (let second = 0; second < 120; second++) {
    await clock.advance(1_000);
    const leftMs = node.current().svid.notAfterMs - clock.nowMs();
    assert.ok(leftMs >= 20_000, `never less than a third of its life is left: ${leftMs}`);
  }

  assert.ok(seen.length >= 4, `three rotations at least: ${seen.length}`);
  assert.equal(new Set(seen.map(serial)).size, seen.length);
  node.stop();
});

test("while the authority cannot be reached the node goes on with its intermediate, and renews it after", async () => {
  const clock = new ManualClock();
  const authority = await authorityOn(clock);
  const node = nodeOn(clock, authority, limits.svidLifetimeMs);
  await node.start();
  await clock.advance(limits.intermediateLifetimeMs * 0.44);
  authority.reachable = false;
  await clock.advance(limits.intermediateLifetimeMs * 0.16);
  const during = await node.issue([{ spiffeId: spiffeId("x"), csr: await createSigningRequest(makeKeyPair()) }]);
  authority.reachable = true;
  const [, before] = node.current().svid.chain;
  const renewed = new Promise<void>((resolve) =>
    node.onChange(({ svid }) => void (svid.chain[1] === before || resolve())),
  );
  await clock.advance(2 * limits.renewRetryMs);
  await renewed;

  assert.equal(during[0]?.kind, "issued");
  assert.equal(authority.signed, 2);
  assert.deepEqual(await verifySvidProfile(node.current().svid.chain, node.current().bundle, clock.nowMs()), []);
  node.stop();
});

test("a newer bundle is taken over at once, an older one never", async () => {
  const clock = new ManualClock();
  const authority = await authorityOn(clock);
  const node = nodeOn(clock, authority, minute);
  await node.start();
  const told: number[] = [];
  node.onChange(({ bundle }) => told.push(bundle.sequence));

  node.offerBundle(bundleOf(trustDomain, [(await trustChain(clock.nowMs())).root], 7));
  node.offerBundle(bundleOf(trustDomain, [], 6));

  assert.deepEqual(told, [7]);
  assert.match(node.current().tls.roots, /BEGIN CERTIFICATE/);
  node.stop();
});

test("a stopped node renews nothing", async () => {
  const clock = new ManualClock();
  const node = nodeOn(clock, await authorityOn(clock), minute);
  await node.start();
  const before = serial(node.current());

  node.stop();
  await clock.advance(10 * minute);

  assert.equal(serial(node.current()), before);
});

test("node:tls speaks mTLS with it, name constraints and all, and sees the root for a caller who knows its hash", async (context) => {
  const clock = new ManualClock(Date.now());
  const node = nodeOn(clock, await authorityOn(clock), minute);
  await node.start();
  node.stop();
  const { tls, svid } = node.current();
  const own = { cert: tls.certChainWithRoot, key: tls.key, ca: tls.roots };
  const server = createServer({ ...own, requestCert: true, rejectUnauthorized: true });
  context.after(() => server.close());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);

  const accepted: Promise<TLSSocket[]> = once(server, "secureConnection");
  const client = connect({ ...own, port: address.port, host: "127.0.0.1", checkServerIdentity: () => undefined });
  context.after(() => client.destroy());
  await once(client, "secureConnect");
  const [peer] = await accepted;

  assert.ok(client.authorized && peer?.authorized);
  assert.match(client.getPeerCertificate().subjectaltname ?? "", new RegExp(svid.spiffeId));
  const root = client.getPeerCertificate(true).issuerCertificate.issuerCertificate;
  assert.match(String(root.subject.CN), /weft root/);
  peer.destroy();
});
