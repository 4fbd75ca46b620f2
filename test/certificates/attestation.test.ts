import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import type { SeenRecord } from "../../src/actors/attestation_records.ts";
import { StoredAttestation } from "../../src/actors/attestation_records.ts";
import { decodeJoinToken, encodeJoinToken } from "../../src/certificates/attestation/join_token.ts";
import type { HostRequest, JoinRequest, JoinToken } from "../../src/certificates/attestation/protocol.ts";
import { AttestationService, type AttestResult } from "../../src/certificates/attestation/service.ts";
import { hostSigned, joinSigned, signAsHost } from "../../src/certificates/attestation/signatures.ts";
import { fromBase64, toBase64 } from "../../src/certificates/base64.ts";
import { fingerprint } from "../../src/certificates/bundle.ts";
import { type KeyPair, makeKeyPair } from "../../src/certificates/key_pair.ts";
import type { SvidSource } from "../../src/certificates/signer.ts";
import { createSigningRequest } from "../../src/certificates/signing_request.ts";
import { verifySvidProfile } from "../../src/certificates/svid_profile.ts";
import { WeftError } from "../../src/platform/error.ts";
import { limits } from "../../src/platform/limits.ts";
import { systemRandom } from "../../src/platform/random.ts";
import { tokenRecord } from "../../src/store/keys.ts";
import { MemoryServer } from "../../src/store/memory/server.ts";
import { runSignTask } from "../../src/workers/sign_task.ts";
import { ManualClock } from "../support/manual_clock.ts";
import { type TrustChain, trustChain, trustDomain } from "./fixtures.ts";

const minute = 60_000;
const firstTrust = await trustChain(new ManualClock().nowMs());
type Service = AttestationService<SeenRecord>;

class Mesh {
  readonly clock = new ManualClock();
  readonly server = new MemoryServer({ clock: this.clock, random: systemRandom });
  trust: TrustChain = firstTrust;

  node(): Service {
    const svids: SvidSource = {
      issue: async (requests) => {
        const task = {
          kind: "sign",
          issuer: this.trust.issuer,
          lifetimeMs: minute,
          nowMs: this.clock.nowMs(),
        } as const;
        return runSignTask({ ...task, requests }, systemRandom).answers;
      },
    };
    return new AttestationService({
      trustDomain,
      records: new StoredAttestation(this.server.open()),
      svids,
      bundle: () => this.trust.bundle,
      nodes: () => ({ agents: ["127.0.0.1:1"], xds: ["127.0.0.1:2"] }),
      clock: this.clock,
      random: systemRandom,
    });
  }
}

class Host {
  readonly keys: KeyPair = makeKeyPair();
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }

  async join(token: JoinToken, changes: Partial<JoinRequest> = {}): Promise<JoinRequest> {
    const csr = toBase64(await createSigningRequest(makeKeyPair()));
    const plain = { tokenId: token.id, tokenSecret: token.secret, hostName: this.name, csr, ...changes };
    const signature = signAsHost(this.keys.privateKey, joinSigned(plain));
    return { hostKey: toBase64(this.keys.publicKey), signature, ...plain, ...changes };
  }

  async attest(node: Service, changes: Partial<HostRequest> = {}): Promise<HostRequest> {
    const challenged = node.challenge(this.name);
    assert.ok(challenged.kind === "challenge");
    const csr = toBase64(await createSigningRequest(makeKeyPair()));
    const plain = { hostName: this.name, nonce: challenged.challenge.nonce, csr, ...changes };
    return { ...plain, signature: signAsHost(this.keys.privateKey, hostSigned(plain)) };
  }
}

async function newToken(node: Service, hostName?: string): Promise<JoinToken> {
  const bound = hostName === undefined ? {} : { hostName };
  const { text } = await node.createToken({ addresses: ["127.0.0.1:7000"], lifetimeMs: 10 * minute, ...bound });
  return decodeJoinToken(text);
}

const codeOf = (result: AttestResult): string => (result.kind === "refused" ? result.code : result.kind);

test("a host joins with a token and gets the agent's SVID, bundle and addresses", async () => {
  const mesh = new Mesh();
  const node = mesh.node();
  const token = await newToken(node);

  const result = await node.join(await new Host("host-1").join(token));

  assert.ok(result.kind === "admitted");
  const chain = result.reply.svid.chain.map((der) => fromBase64(der) ?? new Uint8Array());
  assert.deepEqual(await verifySvidProfile(chain, result.reply.bundle, mesh.clock.nowMs()), []);
  assert.equal(new X509Certificate(chain[0] ?? "").subjectAltName, "URI:spiffe://cluster.local/agent/host-1");
  assert.equal(token.rootFingerprint, fingerprint(mesh.trust.root));
  assert.deepEqual(result.reply.nodes, { agents: ["127.0.0.1:1"], xds: ["127.0.0.1:2"] });
});

test("the store never holds the token's secret", async () => {
  const mesh = new Mesh();
  const token = await newToken(mesh.node());

  const record = await mesh.server.open().read("records", tokenRecord(token.id));

  assert.ok(!JSON.stringify(record?.value).includes(token.secret));
});

test("two hosts that use one token at once, on two nodes: one joins", async () => {
  const mesh = new Mesh();
  const nodes = [mesh.node(), mesh.node()];
  const token = await newToken(mesh.node());

  const tries = nodes.map(async (node, index) => ({ node, request: await new Host(`host-${index}`).join(token) }));
  const ready = await Promise.all(tries);

  const results = await Promise.all(ready.map(({ node, request }) => node.join(request)));

  assert.deepEqual(results.map(codeOf).sort(), ["admitted", "token-used"]);
});

test("a host whose answer was lost may repeat its join, with a new CSR and on another node", async () => {
  const mesh = new Mesh();
  const token = await newToken(mesh.node());
  const host = new Host("host-1");

  assert.equal(codeOf(await mesh.node().join(await host.join(token))), "admitted");
  assert.equal(codeOf(await mesh.node().join(await host.join(token))), "admitted");
});

test("a join whose write got no answer is closed, not done twice", async () => {
  const mesh = new Mesh();
  const node = mesh.node();
  const token = await newToken(node);
  mesh.server.faults.lostAnswer = 1;

  const result = await node.join(await new Host("host-1").join(token));

  assert.equal(codeOf(result), "admitted");
});

test("a wrong token is refused, for the reason that its holder may know", async () => {
  const mesh = new Mesh();
  const node = mesh.node();
  const host = new Host("host-1");
  const token = await newToken(node);
  const forOther = await newToken(node, "host-2");

  const unknown = await node.join(await host.join({ ...token, id: "nosuchtoken" }));
  const guessed = await node.join(await host.join({ ...token, secret: "guessed" }));
  const other = await node.join(await host.join(forOther));
  await mesh.clock.advance(10 * minute);
  const late = await node.join(await host.join(token));

  assert.deepEqual([unknown, guessed, other, late].map(codeOf), [
    "token-refused",
    "token-refused",
    "token-for-another-host",
    "token-expired",
  ]);
});

test("a refused join does not spend the token", async () => {
  const mesh = new Mesh();
  const node = mesh.node();
  const host = new Host("host-1");
  const token = await newToken(node);
  const p224Csr = toBase64(new Uint8Array([0x30, 0x03, 2, 1, 0]));

  assert.equal(codeOf(await node.join(await host.join(token, { csr: p224Csr }))), "csr-malformed");
  assert.equal(codeOf(await node.join(await host.join(token, { csr: "***" }))), "csr-malformed");
  assert.equal(codeOf(await node.join({ ...(await host.join(token)), signature: "AAAA" })), "bad-signature");
  assert.equal(codeOf(await node.join({ ...(await host.join(token)), hostName: "host-9" })), "bad-signature");
  assert.equal(codeOf(await node.join(await host.join(token))), "admitted");
});

test("a host name that could name another host's record or identity is refused", async () => {
  const mesh = new Mesh();
  const node = mesh.node();
  const token = await newToken(node);

  for (const name of ["", "Host-1", "a/b", "..", "a..b", "a\0b", "-a", "a-", "x".repeat(254), "ä"]) {
    assert.equal(codeOf(await node.join(await new Host(name).join(token))), "bad-host-name", JSON.stringify(name));
    assert.equal(node.challenge(name).kind, "refused");
  }
});

test("a name that has joined cannot be taken by another key, except with a token made for that name", async () => {
  const mesh = new Mesh();
  const node = mesh.node();
  const first = new Host("host-1");
  await node.join(await first.join(await newToken(node)));
  const second = new Host("host-1");

  assert.equal(codeOf(await node.join(await second.join(await newToken(node)))), "host-known");
  assert.equal(codeOf(await node.join(await second.join(await newToken(node, "host-1")))), "admitted");
  assert.equal(codeOf(await node.host(await first.attest(node))), "bad-signature");
});

test("a host that has joined comes back by its key, on any node, any time later", async () => {
  const mesh = new Mesh();
  const host = new Host("host-1");
  const first = mesh.node();
  await first.join(await host.join(await newToken(first)));
  await mesh.clock.advance(365 * 24 * 60 * minute);
  mesh.trust = await trustChain(mesh.clock.nowMs());

  const other = mesh.node();

  assert.equal(codeOf(await other.host(await host.attest(other))), "admitted");
});

test("a nonce works once, for one host, on the node that gave it, for a while", async () => {
  const mesh = new Mesh();
  const [node, other] = [mesh.node(), mesh.node()];
  const host = new Host("host-1");
  await node.join(await host.join(await newToken(node)));
  const request = await host.attest(node);

  assert.equal(codeOf(await other.host(request)), "nonce-refused");
  assert.equal(codeOf(await node.host(request)), "admitted");
  assert.equal(codeOf(await node.host(request)), "nonce-refused");
  const stale = await host.attest(node);
  await mesh.clock.advance(limits.attestNonceMs);
  assert.equal(codeOf(await node.host(stale)), "nonce-refused");
  const { nonce: borrowed } = await new Host("host-2").attest(node);
  assert.equal(codeOf(await node.host(await host.attest(node, { nonce: borrowed }))), "nonce-refused");
});

test("a bad signature does not spend the nonce of the host it is aimed at", async () => {
  const mesh = new Mesh();
  const node = mesh.node();
  const host = new Host("host-1");
  await node.join(await host.join(await newToken(node)));
  const request = await host.attest(node);

  assert.equal(codeOf(await node.host({ ...request, signature: "AAAA" })), "bad-signature");
  assert.equal(codeOf(await node.host(request)), "admitted");
});

test("a revoked host is refused by its key and by its old token, until a token is made for its name", async () => {
  const mesh = new Mesh();
  const node = mesh.node();
  const host = new Host("host-1");
  const token = await newToken(node);
  await node.join(await host.join(token));

  assert.equal(await node.revokeHost("host-1"), "revoked");
  assert.equal(await node.revokeHost("host-2"), "unknown-host");

  assert.equal(codeOf(await node.host(await host.attest(node))), "host-revoked");
  assert.equal(codeOf(await node.join(await host.join(token))), "token-used");
  assert.equal(codeOf(await node.join(await host.join(await newToken(node)))), "host-revoked");
  assert.equal(codeOf(await node.join(await host.join(await newToken(node, "host-1")))), "admitted");
});

test("a host that never joined is told to", async () => {
  const node = new Mesh().node();

  assert.equal(codeOf(await node.host(await new Host("host-1").attest(node))), "host-unknown");
});

test("after a flood of challenges, far more than are remembered, a host still gets in", async () => {
  const mesh = new Mesh();
  const node = mesh.node();
  const host = new Host("host-1");
  await node.join(await host.join(await newToken(node)));

  for (let i = 0; i < 20_000; i++) node.challenge("host-1");

  assert.equal(codeOf(await node.host(await host.attest(node))), "admitted");
});

test("what is not a join token is refused without being shown", () => {
  const good: JoinToken = {
    version: 1,
    id: "abc",
    secret: "topsecret",
    rootFingerprint: "0".repeat(64),
    trustDomain: "cluster.local",
    addresses: ["127.0.0.1:1"],
  };
  const bad = ["", "!!", encodeJoinToken({ ...good, rootFingerprint: "x" }), encodeJoinToken(good).slice(3)];

  assert.deepEqual(decodeJoinToken(` ${encodeJoinToken(good)}\n`), good);
  for (const text of [...bad, "A".repeat(limits.joinTokenBytes + 1)]) {
    assert.throws(
      () => decodeJoinToken(text),
      (error) => error instanceof WeftError && !error.message.includes("topsecret"),
    );
  }
});
