import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createIntermediate } from "../../src/certificates/authority_certificates.ts";
import { bundleOf } from "../../src/certificates/bundle.ts";
import { emptyName, readCertificate, serialText, signCertificate } from "../../src/certificates/certificate.ts";
import type { Der } from "../../src/certificates/der/write.ts";
import {
  authorityConstraints,
  certificateSigningUsage,
  digitalSignatureUsage,
  leafConstraints,
  serverAndClient,
  uriName,
} from "../../src/certificates/extensions.ts";
import { issuerFrom } from "../../src/certificates/issuer.ts";
import { makeKeyPair } from "../../src/certificates/key_pair.ts";
import { toPem } from "../../src/certificates/pem.ts";
import { issueSvid } from "../../src/certificates/svid.ts";
import { spiffeIdOf, type Violation, verifySvidProfile } from "../../src/certificates/svid_profile.ts";
import type { SpiffeId } from "../../src/model/identity.ts";
import { WeftError } from "../../src/platform/error.ts";
import { limits } from "../../src/platform/limits.ts";
import { systemRandom } from "../../src/platform/random.ts";
import { spiffeId, svidFor, trustChain, trustDomain } from "./fixtures.ts";

const nowMs = Date.UTC(2026, 5, 1);
const chain = trustChain(nowMs);
const rulesOf = (violations: readonly Violation[]): string[] => violations.map(({ rule }) => rule);

/** A leaf with these extensions in place of a good SVID's, signed by the good intermediate. */
function oddLeaf(extensions: readonly Der[], span: { notAfterMs?: number; serial?: Uint8Array } = {}): Uint8Array[] {
  const leaf = signCertificate(
    {
      serial: span.serial ?? new Uint8Array(16).fill(0x42),
      issuer: chain.issuer.name,
      subject: emptyName,
      notBeforeMs: nowMs - 1000,
      notAfterMs: span.notAfterMs ?? nowMs + 60_000,
      publicKey: makeKeyPair().publicKey,
      extensions,
    },
    chain.issuer.key,
  );
  return [leaf, ...chain.issuer.chain];
}

const goodName = uriName(spiffeId("reviews"), true);

test("an issued SVID holds the SPIFFE profile, and says who it is", () => {
  const svid = svidFor(spiffeId("reviews"), chain, nowMs);

  assert.deepEqual(verifySvidProfile(svid.chain, chain.bundle, nowMs), []);
  assert.equal(spiffeIdOf(svid.chain[0] ?? new Uint8Array()), "spiffe://cluster.local/ns/default/sa/reviews");
});

test("two SVIDs of one key have different serial numbers of more than 64 bits, printed as OpenSSL prints them", () => {
  const keys = makeKeyPair();
  const serials = [0, 1].map(() => serialText(svidFor(spiffeId("x"), chain, nowMs, keys).chain[0] ?? new Uint8Array()));
  const leaf = svidFor(spiffeId("x"), chain, nowMs).chain[0] ?? new Uint8Array();

  assert.notEqual(serials[0], serials[1]);
  assert.ok(serials.every((serial) => serial.length > 16));
  assert.equal(serialText(leaf), new X509Certificate(leaf).serialNumber.toLowerCase());
});

test("an SVID begins a little in the past, lives at most 24 h, and never longer than what signed it", () => {
  const order = {
    spiffeId: spiffeId("x"),
    publicKey: makeKeyPair().publicKey,
    lifetimeMs: 100 * limits.svidLifetimeMs,
  };
  const long = issueSvid(order, chain.issuer, nowMs + 3_600_000, systemRandom);
  const short = trustChain(nowMs, 90_000);
  const cut = issueSvid(order, short.issuer, nowMs, systemRandom);

  assert.equal(long.notAfterMs - long.notBeforeMs, limits.svidLifetimeMs);
  assert.equal(long.notBeforeMs, nowMs + 3_600_000 - limits.certificateSkewMs);
  assert.equal(cut.notAfterMs, short.issuer.notAfterMs);
});

test("an intermediate that has ended signs nothing", () => {
  const ended = trustChain(nowMs, 10_000);
  const order = { spiffeId: spiffeId("x"), publicKey: makeKeyPair().publicKey, lifetimeMs: 60_000 };

  assert.throws(() => issueSvid(order, ended.issuer, nowMs + 10_000, systemRandom), WeftError);
});

test("what is wrong with a leaf is said, one violation for each rule", () => {
  const usual = [leafConstraints, digitalSignatureUsage, serverAndClient];
  const foreign = uriName("spiffe://elsewhere.org/ns/a/sa/b", true);
  const cases: readonly [string, readonly Uint8Array[], string[]][] = [
    ["no URI", oddLeaf(usual), ["uri-san", "trust-domain"]],
    ["a CA", oddLeaf([goodName, authorityConstraints(0), digitalSignatureUsage]), ["basic-constraints"]],
    ["signs certificates", oddLeaf([goodName, certificateSigningUsage]), ["key-usage", "key-usage"]],
    ["no key usage", oddLeaf([goodName, leafConstraints]), ["key-usage"]],
    ["a bare trust domain", oddLeaf([uriName("spiffe://cluster.local", true), ...usual]), ["spiffe-id"]],
    ["not SPIFFE", oddLeaf([uriName("https://cluster.local/x", true), ...usual]), ["spiffe-id", "trust-domain"]],
    [
      "NUL in the URI",
      oddLeaf([uriName(`${spiffeId("admin")}\0.evil`, true), ...usual]),
      ["spiffe-id", "trust-domain"],
    ],
    ["another domain", oddLeaf([foreign, ...usual]), ["trust-domain"]],
    ["too long", oddLeaf([goodName, ...usual], { notAfterMs: nowMs + 2 * limits.svidLifetimeMs }), ["lifetime"]],
    ["a short serial", oddLeaf([goodName, ...usual], { serial: new Uint8Array(4).fill(9) }), ["serial"]],
    ["over", oddLeaf([goodName, ...usual], { notAfterMs: nowMs - 500 }), ["validity"]],
    ["not DER", [new Uint8Array([0x30, 0x80])], ["malformed", "malformed"]],
    ["nothing", [], ["malformed"]],
  ];
  for (const [name, certificates, rules] of cases) {
    assert.deepEqual(rulesOf(verifySvidProfile(certificates, chain.bundle, nowMs)), rules, name);
  }
});

test("a chain that ends in another root of the same domain is refused", () => {
  const svid = svidFor(spiffeId("x"), chain, nowMs);
  const other = trustChain(nowMs);

  assert.deepEqual(rulesOf(verifySvidProfile(svid.chain, other.bundle, nowMs)), ["chain"]);
});

test("an intermediate below an intermediate passes the path length", () => {
  const keys = makeKeyPair();
  const request = { trustDomain, nodeName: "evil", publicKey: keys.publicKey, nowMs, random: systemRandom };
  const below = createIntermediate(request, chain.issuer);
  const issuer = issuerFrom(below, keys.privateKey, [below, ...chain.issuer.chain]);
  const order = { spiffeId: spiffeId("x"), publicKey: makeKeyPair().publicKey, lifetimeMs: 60_000 };
  const svid = issueSvid(order, issuer, nowMs, systemRandom);

  assert.deepEqual(rulesOf(verifySvidProfile(svid.chain, chain.bundle, nowMs)), ["basic-constraints"]);
});

test("the bundle of one domain says nothing about another", () => {
  const svid = svidFor("spiffe://__proto__/x" as SpiffeId, chain, nowMs);

  const violations = verifySvidProfile(svid.chain, bundleOf("elsewhere.org", [chain.root], 1), nowMs);

  assert.deepEqual(rulesOf(violations), ["trust-domain"]);
});

const openssl = spawnSync("openssl", ["version"]).status === 0;

test("OpenSSL, strict, agrees with the chain, and refuses a name of another domain by the name constraint", {
  skip: openssl ? false : "openssl is not on PATH",
}, (context) => {
  const directory = mkdtempSync(join(tmpdir(), "weft-svid-"));
  context.after(() => rmSync(directory, { recursive: true }));
  const write = (name: string, der: Uint8Array | undefined): string => {
    const file = join(directory, name);
    writeFileSync(file, toPem("CERTIFICATE", der ?? new Uint8Array()));
    return file;
  };
  const root = write("root.pem", chain.root);
  const intermediate = write("intermediate.pem", chain.issuer.chain[0]);
  const verify = (leaf: string): { status: number | null; output: string } => {
    const when = String(nowMs / 1000);
    const args = ["verify", "-x509_strict", "-attime", when, "-CAfile", root, "-untrusted", intermediate, leaf];
    const { status, stdout, stderr } = spawnSync("openssl", args, { encoding: "utf8" });
    return { status, output: stdout + stderr };
  };

  const good = write("good.pem", svidFor(spiffeId("reviews"), chain, nowMs).chain[0]);
  const foreign = write("foreign.pem", svidFor("spiffe://elsewhere.org/ns/a/sa/b" as SpiffeId, chain, nowMs).chain[0]);

  assert.equal(verify(good).status, 0, verify(good).output);
  assert.match(verify(foreign).output, /permitted subtree violation/);
  const text = execFileSync("openssl", ["x509", "-in", good, "-noout", "-text"], { encoding: "utf8" });
  for (const expected of [
    /Key Usage: critical\s+Digital Signature\n/,
    /Basic Constraints: critical\s+CA:FALSE/,
    /TLS Web Server Authentication, TLS Web Client Authentication/,
    /Alternative Name: critical\s+URI:spiffe:\/\/cluster\.local\/ns\/default\/sa\/reviews\n/,
  ]) {
    assert.match(text, expected);
  }
});

test("what we read in a certificate is what node reads", () => {
  const [leaf = new Uint8Array()] = svidFor(spiffeId("reviews"), chain, nowMs).chain;

  const ours = readCertificate(leaf);
  const theirs = new X509Certificate(leaf);

  assert.equal(ours.notAfterMs, theirs.validToDate.getTime());
  assert.equal(ours.notBeforeMs, theirs.validFromDate.getTime());
  assert.deepEqual(Buffer.from(ours.publicKey), theirs.publicKey.export({ type: "spki", format: "der" }));
  assert.equal(theirs.ca, false);
});
