import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync, sign } from "node:crypto";
import { test } from "node:test";
import type { JsonGeneralNames } from "@peculiar/x509";
import fc from "fast-check";
import {
  bitString,
  type Der,
  element,
  objectIdentifier,
  sequence,
  tagged,
  unsignedInteger,
} from "../../src/certificates/der/write.ts";
import { type KeyPair, makeKeyPair, signBytes } from "../../src/certificates/key_pair.ts";
import { ecdsaWithSha256 } from "../../src/certificates/object_identifiers.ts";
import { createSigningRequest, readSigningRequest } from "../../src/certificates/signing_request.ts";
import { issueSvid } from "../../src/certificates/svid.ts";
import { verifySvidProfile } from "../../src/certificates/svid_profile.ts";
import { signedWithSha256, webKey, x509 } from "../../src/certificates/x509.ts";
import { limits } from "../../src/platform/limits.ts";
import { systemRandom } from "../../src/platform/random.ts";
import { spiffeId, trustChain } from "./fixtures.ts";

const nowMs = Date.UTC(2026, 5, 1);

const library = await x509();
type Extension = InstanceType<typeof library.Extension>;

const version1 = unsignedInteger(Uint8Array.of(0));
const noSubject = sequence();

/** What no honest library writes: any key, any attributes. */
function csrOver(keys: KeyPair, attributes: Der): Der {
  const info = sequence(version1, noSubject, keys.publicKey, attributes);
  return sequence(info, ecdsaWithSha256, bitString(signBytes(keys.privateKey, info)));
}

/** A CSR that asks for these names and extensions. */
async function asking(names: JsonGeneralNames, more: readonly Extension[] = []): Promise<Uint8Array> {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const request = await library.Pkcs10CertificateRequestGenerator.create({
    name: "CN=admin",
    keys: { privateKey: webKey(privateKey), publicKey: webKey(publicKey) },
    signingAlgorithm: signedWithSha256,
    extensions: [new library.SubjectAlternativeNameExtension(names), ...more],
  });
  return new Uint8Array(request.rawData);
}

const uri = (value: string) => ({ type: "url", value }) as const;
const dns = (value: string) => ({ type: "dns", value }) as const;

function codeOf(der: Uint8Array): string {
  const read = readSigningRequest(der);
  return read.kind === "refused" ? read.code : read.kind;
}

test("a plain CSR gives its key", async () => {
  const keys = makeKeyPair();

  const read = readSigningRequest(await createSigningRequest(keys));

  assert.ok(read.kind === "good");
  assert.deepEqual(Buffer.from(read.publicKey), Buffer.from(keys.publicKey));
});

test("whatever a CSR asks for, its SVID has the attested identity and nothing else", async () => {
  const { issuer, bundle } = await trustChain(nowMs);
  const admin = uri("spiffe://cluster.local/ns/mesh-system/sa/meshd");
  const greedy = [
    await asking([admin, uri("spiffe://cluster.local/ns/a/sa/b")]),
    await asking([admin, dns("kubernetes.default.svc")]),
    await asking([admin], [new library.BasicConstraintsExtension(true, 3, true)]),
    await asking([uri("spiffe://cluster.local/ns/default/sa/x\0.evil")]),
  ];
  for (const csr of greedy) {
    const read = readSigningRequest(csr);
    assert.ok(read.kind === "good");

    const order = { spiffeId: spiffeId("humble"), publicKey: read.publicKey, lifetimeMs: 60_000 };
    const svid = issueSvid(order, issuer, nowMs, systemRandom);

    assert.deepEqual(await verifySvidProfile(svid.chain, bundle, nowMs), []);
    const leaf = new library.X509Certificate(svid.chain[0] ?? new Uint8Array());
    const found = leaf.getExtensions(library.SubjectAlternativeNameExtension);
    const names = Array.from(found, (one) => one.names.toJSON());
    assert.deepEqual(names, [[uri(spiffeId("humble"))]]);
    assert.equal(leaf.subject, "");
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
    const info = sequence(version1, noSubject, spki, tagged(0));
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

test("a CSR signed by another key, or changed after it was signed, is refused", async () => {
  const [mine, theirs] = [makeKeyPair(), makeKeyPair()];
  const stolen = csrOver({ privateKey: mine.privateKey, publicKey: theirs.publicKey }, tagged(0));
  const changed = Buffer.from(await createSigningRequest(mine));
  changed[changed.length - 1] = (changed[changed.length - 1] ?? 0) ^ 1;

  assert.equal(codeOf(stolen), "bad-signature");
  assert.equal(codeOf(changed), "bad-signature");
});

test("another signature algorithm is refused, also when the signature would hold", () => {
  const keys = makeKeyPair();
  const info = sequence(version1, noSubject, keys.publicKey, tagged(0));
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

test("a good CSR with one byte changed is never good", async () => {
  const good = Buffer.from(await createSigningRequest(makeKeyPair()));
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (at, difference) => {
      const bent = Buffer.from(good);
      bent[at] = (bent[at] ?? 0) ^ difference;
      assert.notEqual(codeOf(bent), "good");
    }),
    { numRuns: 300 },
  );
});

test("a CSR cut short, or with bytes behind it, is refused", async () => {
  const good = await createSigningRequest(makeKeyPair());

  for (let length = 0; length < good.length; length++) assert.equal(codeOf(good.subarray(0, length)), "malformed");
  assert.equal(codeOf(Buffer.concat([good, Uint8Array.of(0)])), "malformed");
});
