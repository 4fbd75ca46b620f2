import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync, sign } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { emptyName, readCertificate } from "../../src/certificates/certificate.ts";
import {
  bitString,
  type Der,
  element,
  objectIdentifier,
  octetString,
  sequence,
  set,
  tagged,
  taggedPrimitive,
  unsignedInteger,
} from "../../src/certificates/der/write.ts";
import { authorityConstraints } from "../../src/certificates/extensions.ts";
import { type KeyPair, makeKeyPair, signBytes } from "../../src/certificates/key_pair.ts";
import { ecdsaWithSha256 } from "../../src/certificates/object_identifiers.ts";
import { createSigningRequest, readSigningRequest } from "../../src/certificates/signing_request.ts";
import { issueSvid } from "../../src/certificates/svid.ts";
import { verifySvidProfile } from "../../src/certificates/svid_profile.ts";
import { limits } from "../../src/platform/limits.ts";
import { systemRandom } from "../../src/platform/random.ts";
import { spiffeId, trustChain } from "./fixtures.ts";

const nowMs = Date.UTC(2026, 5, 1);

function csrOver(keys: KeyPair, attributes: Der): Der {
  const info = sequence(unsignedInteger(Uint8Array.of(0)), emptyName, keys.publicKey, attributes);
  return sequence(info, ecdsaWithSha256, bitString(signBytes(keys.privateKey, info)));
}

/** Attributes with an extensionRequest (PKCS#9) that asks for these names and extensions. */
function asking(names: readonly Der[], more: readonly Der[] = []): Der {
  const altNames = sequence(objectIdentifier("2.5.29.17"), octetString(sequence(...names)));
  const extensions = sequence(altNames, ...more);
  return tagged(0, sequence(objectIdentifier("1.2.840.113549.1.9.14"), set(extensions)));
}

const uri = (text: string): Der => taggedPrimitive(6, Buffer.from(text, "latin1"));
const dns = (text: string): Der => taggedPrimitive(2, Buffer.from(text, "latin1"));

function codeOf(der: Uint8Array): string {
  const read = readSigningRequest(der);
  return read.kind === "refused" ? read.code : read.kind;
}

test("a plain CSR gives its key", () => {
  const keys = makeKeyPair();

  const read = readSigningRequest(createSigningRequest(keys));

  assert.ok(read.kind === "good");
  assert.deepEqual(Buffer.from(read.publicKey), Buffer.from(keys.publicKey));
});

test("whatever a CSR asks for, its SVID has the attested identity and nothing else", () => {
  const { issuer, bundle } = trustChain(nowMs);
  const admin = uri("spiffe://cluster.local/ns/mesh-system/sa/meshd");
  const greedy = [
    asking([admin, uri("spiffe://cluster.local/ns/a/sa/b")]),
    asking([admin, dns("kubernetes.default.svc")]),
    asking([admin], [authorityConstraints(3)]),
    asking([uri("spiffe://cluster.local/ns/default/sa/x\0.evil")]),
  ];
  for (const attributes of greedy) {
    const read = readSigningRequest(csrOver(makeKeyPair(), attributes));
    assert.ok(read.kind === "good");

    const order = { spiffeId: spiffeId("humble"), publicKey: read.publicKey, lifetimeMs: 60_000 };
    const svid = issueSvid(order, issuer, nowMs, systemRandom);

    assert.deepEqual(verifySvidProfile(svid.chain, bundle, nowMs), []);
    const names = readCertificate(svid.chain[0] ?? new Uint8Array()).extensions.filter(
      ({ oid }) => oid === "2.5.29.17",
    );
    assert.deepEqual(Buffer.from(names[0]?.value ?? []), Buffer.from(sequence(uri(spiffeId("humble")))));
  }
});

test("a key on another curve, or of another kind, is refused", () => {
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const pairs = [
    ...["secp224r1", "P-384"].map((namedCurve) => generateKeyPairSync("ec", { namedCurve })),
    rsa,
    generateKeyPairSync("ed25519"),
  ];
  for (const { privateKey, publicKey } of pairs) {
    const spki = publicKey.export({ type: "spki", format: "der" });
    const info = sequence(unsignedInteger(Uint8Array.of(0)), emptyName, spki, tagged(0));
    const algorithm = privateKey.asymmetricKeyType === "ed25519" ? null : "sha256";
    const der = sequence(info, ecdsaWithSha256, bitString(sign(algorithm, info, privateKey)));

    assert.equal(codeOf(der), "wrong-key");
  }
});

test("a point that is not on the curve is refused", () => {
  const keys = makeKeyPair();
  const bent = Buffer.from(keys.publicKey);
  bent[bent.length - 1] = (bent[bent.length - 1] ?? 0) ^ 1;

  assert.throws(() => createPublicKey({ key: bent, type: "spki", format: "der" }));
  assert.equal(codeOf(csrOver({ ...keys, publicKey: bent }, tagged(0))), "wrong-key");
});

test("a CSR signed by another key, or changed after it was signed, is refused", () => {
  const [mine, theirs] = [makeKeyPair(), makeKeyPair()];
  const stolen = csrOver({ privateKey: mine.privateKey, publicKey: theirs.publicKey }, tagged(0));
  const changed = Buffer.from(createSigningRequest(mine));
  changed[changed.length - 1] = (changed[changed.length - 1] ?? 0) ^ 1;

  assert.equal(codeOf(stolen), "bad-signature");
  assert.equal(codeOf(changed), "bad-signature");
});

test("another signature algorithm is refused, also when the signature would hold", () => {
  const keys = makeKeyPair();
  const info = sequence(unsignedInteger(Uint8Array.of(0)), emptyName, keys.publicKey, tagged(0));
  const sha1 = sequence(objectIdentifier("1.2.840.10045.4.1"));
  const der = sequence(info, sha1, bitString(sign("sha1", info, keys.privateKey)));

  assert.equal(codeOf(der), "wrong-algorithm");
});

test("a CSR over the limit is refused before a byte is parsed, one under it however deep is read", () => {
  let deep: Der = sequence();
  for (let i = 0; i < 10_000; i++) deep = element(0x30, deep);
  assert.equal(codeOf(csrOver(makeKeyPair(), tagged(0, deep))), "too-large");

  let shallower: Der = sequence();
  for (let i = 0; i < 2_000; i++) shallower = element(0x30, shallower);
  const der = csrOver(makeKeyPair(), tagged(0, shallower));
  assert.ok(der.length < limits.csrBytes);
  assert.equal(codeOf(der), "good");
});

test("bytes of any kind are refused, never thrown", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => assert.notEqual(codeOf(bytes), "good")));
});

test("a good CSR with one byte changed is never good", () => {
  const good = Buffer.from(createSigningRequest(makeKeyPair()));
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (at, difference) => {
      const bent = Buffer.from(good);
      bent[at] = (bent[at] ?? 0) ^ difference;
      assert.notEqual(codeOf(bent), "good");
    }),
    { numRuns: 300 },
  );
});

test("a CSR cut short, or with bytes behind it, is refused", () => {
  const good = createSigningRequest(makeKeyPair());

  for (let length = 0; length < good.length; length++) assert.equal(codeOf(good.subarray(0, length)), "malformed");
  assert.equal(codeOf(Buffer.concat([good, Uint8Array.of(0)])), "malformed");
});
