import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createIntermediate } from "../../src/certificates/authority_certificates.ts";
import { bundleOf } from "../../src/certificates/bundle.ts";
import { readCertificate, serialText } from "../../src/certificates/certificate.ts";
import { issuerFrom } from "../../src/certificates/issuer.ts";
import { keyIdentifier, makeKeyPair } from "../../src/certificates/key_pair.ts";
import { toPem } from "../../src/certificates/pem.ts";
import { issueSvid } from "../../src/certificates/svid.ts";
import { type Violation, verifySvidProfile } from "../../src/certificates/svid_profile.ts";
import { webKey, x509 } from "../../src/certificates/x509.ts";
import type { SpiffeId } from "../../src/model/identity.ts";
import { WeftError } from "../../src/platform/error.ts";
import { limits } from "../../src/platform/limits.ts";
import { systemRandom } from "../../src/platform/random.ts";
import { spiffeId, svidFor, trustChain, trustDomain } from "./fixtures.ts";

const nowMs = Date.UTC(2026, 5, 1);
const chain = await trustChain(nowMs);
const library = await x509();
const {
  BasicConstraintsExtension: Constraints,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension: ExtendedUsage,
  KeyUsageFlags,
  KeyUsagesExtension: Usage,
  SubjectAlternativeNameExtension: Names,
} = library;
type Extension = InstanceType<typeof library.Extension>;

const rulesOf = (violations: readonly Violation[]): string[] => violations.map(({ rule }) => rule);
const uriName = (uri: string): Extension => new Names([{ type: "url", value: uri }], true);

interface Oddity {
  readonly notAfterMs?: number;
  readonly serial?: string;
  readonly curve?: string;
}

/** A leaf with these extensions in place of a good SVID's, signed by the good intermediate. */
async function oddLeaf(extensions: Extension[], odd: Oddity = {}): Promise<Uint8Array[]> {
  const { publicKey } = generateKeyPairSync("ec", { namedCurve: odd.curve ?? "P-256" });
  const leaf = await library.X509CertificateGenerator.create({
    serialNumber: odd.serial ?? "42".repeat(16),
    issuer: new library.Name(chain.issuer.name),
    notBefore: new Date(nowMs - 1000),
    notAfter: new Date(odd.notAfterMs ?? nowMs + 60_000),
    publicKey: publicKey.export({ type: "spki", format: "der" }),
    signingKey: webKey(chain.issuer.key),
    extensions,
  });
  return [new Uint8Array(leaf.rawData), ...chain.issuer.chain];
}

test("an issued SVID holds the SPIFFE profile", async () => {
  const svid = svidFor(spiffeId("reviews"), chain, nowMs);

  assert.deepEqual(await verifySvidProfile(svid.chain, chain.bundle, nowMs), []);
});

const hex = (bytes: Uint8Array | ArrayBuffer): string => Buffer.from(new Uint8Array(bytes)).toString("hex");

test("@peculiar/x509 reads in the leaf that we write what was meant", () => {
  const keys = makeKeyPair();
  const svid = svidFor(spiffeId("reviews"), chain, nowMs, keys);
  const leaf = new library.X509Certificate(svid.chain[0] ?? new Uint8Array());

  const extensions = Array.from(leaf.extensions, ({ type, critical }) => (critical ? `${type} critical` : type));

  assert.deepEqual(extensions.sort(), [
    "2.5.29.14",
    "2.5.29.15 critical",
    "2.5.29.17 critical",
    "2.5.29.19 critical",
    "2.5.29.35",
    "2.5.29.37",
  ]);
  const { serverAuth, clientAuth } = ExtendedKeyUsage;
  assert.deepEqual(leaf.getExtension(Names)?.names.toJSON(), [{ type: "url", value: spiffeId("reviews") }]);
  assert.equal(leaf.getExtension(Usage)?.usages, KeyUsageFlags.digitalSignature);
  assert.deepEqual([...(leaf.getExtension(ExtendedUsage)?.usages ?? [])], [serverAuth, clientAuth]);
  assert.equal(leaf.getExtension(Constraints)?.ca, false);
  assert.equal(leaf.getExtension(library.SubjectKeyIdentifierExtension)?.keyId, hex(keyIdentifier(keys.publicKey)));
  assert.equal(leaf.subject, "");
  assert.equal(hex(leaf.issuerName.toArrayBuffer()), hex(chain.issuer.name));
  assert.deepEqual([leaf.notBefore.getTime(), leaf.notAfter.getTime()], [svid.notBeforeMs, svid.notAfterMs]);
  assert.equal(hex(leaf.publicKey.rawData), hex(keys.publicKey));
});

test("@peculiar/x509 finds and verifies the way from our leaf to the root", async () => {
  const [leaf, intermediate] = svidFor(spiffeId("x"), chain, nowMs).chain.map(
    (der) => new library.X509Certificate(der),
  );
  const root = new library.X509Certificate(chain.root);
  assert.ok(leaf && intermediate);
  const date = new Date(nowMs);

  const built = await new library.X509ChainBuilder({ certificates: [root, intermediate] }).build(leaf);

  const serials = Array.from(built, ({ serialNumber }) => serialNumber);
  assert.deepEqual(serials, [leaf.serialNumber, intermediate.serialNumber, root.serialNumber]);
  assert.ok(await leaf.verify({ publicKey: intermediate, date }));
  assert.ok(await intermediate.verify({ publicKey: root, date }));
  assert.ok(await root.verify({ publicKey: root, date }));
  assert.equal(await leaf.verify({ publicKey: root, date }), false);
  for (const [below, above] of [
    [leaf, intermediate],
    [intermediate, root],
  ] as const) {
    const named = below.getExtension(library.AuthorityKeyIdentifierExtension)?.keyId;
    assert.equal(named, above.getExtension(library.SubjectKeyIdentifierExtension)?.keyId);
  }
});

test("two SVIDs of one key have different serial numbers of more than 64 bits, printed as OpenSSL prints them", () => {
  const keys = makeKeyPair();
  const serials = [0, 1].map(() => serialText(svidFor(spiffeId("x"), chain, nowMs, keys).chain[0] ?? new Uint8Array()));
  const leaf = svidFor(spiffeId("x"), chain, nowMs).chain[0] ?? new Uint8Array();

  assert.notEqual(serials[0], serials[1]);
  assert.ok(serials.every((serial) => serial.length > 16));
  assert.equal(serialText(leaf), new library.X509Certificate(leaf).serialNumber);
});

test("an SVID begins a little in the past, lives at most 24 h, and never longer than what signed it", async () => {
  const order = {
    spiffeId: spiffeId("x"),
    publicKey: makeKeyPair().publicKey,
    lifetimeMs: 100 * limits.svidLifetimeMs,
  };
  const long = issueSvid(order, chain.issuer, nowMs + 3_600_000, systemRandom);
  const short = await trustChain(nowMs, 90_000);
  const cut = issueSvid(order, short.issuer, nowMs, systemRandom);

  assert.equal(long.notAfterMs - long.notBeforeMs, limits.svidLifetimeMs);
  assert.equal(long.notBeforeMs, nowMs + 3_600_000 - limits.certificateSkewMs);
  assert.equal(cut.notAfterMs, short.issuer.notAfterMs);
});

test("an intermediate that has ended signs nothing", async () => {
  const ended = await trustChain(nowMs, 10_000);
  const order = { spiffeId: spiffeId("x"), publicKey: makeKeyPair().publicKey, lifetimeMs: 60_000 };

  assert.throws(() => issueSvid(order, ended.issuer, nowMs + 10_000, systemRandom), WeftError);
});

test("what is wrong with a leaf is said, one violation for each rule", async () => {
  const notAuthority = new Constraints(false, undefined, true);
  const signs = new Usage(KeyUsageFlags.digitalSignature, true);
  const serverOnly = new ExtendedUsage([ExtendedKeyUsage.serverAuth]);
  const both = new ExtendedUsage([ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth]);
  const usual = [notAuthority, signs, both];
  const name = uriName(spiffeId("reviews"));
  const two = new Names(
    [spiffeId("a"), spiffeId("b")].map((value) => ({ type: "url", value }) as const),
    true,
  );
  const foreign = uriName("spiffe://elsewhere.org/ns/a/sa/b");
  const good = await oddLeaf([name, ...usual]);
  const [leaf = new Uint8Array(), ...above] = good;
  const cases: readonly [string, readonly Uint8Array[], string[]][] = [
    ["nothing wrong", good, []],
    ["no URI", await oddLeaf(usual), ["uri-san", "trust-domain"]],
    ["two URIs", await oddLeaf([two, ...usual]), ["uri-san"]],
    ["a CA", await oddLeaf([name, new Constraints(true, 0, true), signs]), ["basic-constraints"]],
    [
      "signs certificates",
      await oddLeaf([name, new Usage(KeyUsageFlags.keyCertSign, true)]),
      ["key-usage", "key-usage"],
    ],
    ["no key usage", await oddLeaf([name, notAuthority]), ["key-usage"]],
    ["key usage not critical", await oddLeaf([name, new Usage(KeyUsageFlags.digitalSignature, false)]), ["key-usage"]],
    ["a server only", await oddLeaf([name, signs, serverOnly]), ["extended-key-usage"]],
    ["a bare trust domain", await oddLeaf([uriName("spiffe://cluster.local"), ...usual]), ["spiffe-id"]],
    ["not SPIFFE", await oddLeaf([uriName("https://cluster.local/x"), ...usual]), ["spiffe-id", "trust-domain"]],
    [
      "NUL in the URI",
      await oddLeaf([uriName(`${spiffeId("admin")}\0.evil`), ...usual]),
      ["spiffe-id", "trust-domain"],
    ],
    ["another domain", await oddLeaf([foreign, ...usual]), ["trust-domain"]],
    ["too long", await oddLeaf([name, ...usual], { notAfterMs: nowMs + 2 * limits.svidLifetimeMs }), ["lifetime"]],
    ["a short serial", await oddLeaf([name, ...usual], { serial: "09090909" }), ["serial"]],
    ["another curve", await oddLeaf([name, ...usual], { curve: "P-384" }), ["key"]],
    ["over", await oddLeaf([name, ...usual], { notAfterMs: nowMs - 500 }), ["validity"]],
    ["bytes behind it", [Buffer.concat([leaf, Uint8Array.of(0)]), ...above], ["malformed"]],
    ["PEM", [Buffer.from(toPem("CERTIFICATE", leaf)), ...above], ["malformed"]],
    ["not DER", [new Uint8Array([0x30, 0x80])], ["malformed", "malformed"]],
    ["nothing", [], ["malformed"]],
  ];
  for (const [what, certificates, rules] of cases) {
    assert.deepEqual(rulesOf(await verifySvidProfile(certificates, chain.bundle, nowMs)), rules, what);
  }
});

test("a chain that ends in another root of the same domain is refused", async () => {
  const svid = svidFor(spiffeId("x"), chain, nowMs);
  const other = await trustChain(nowMs);

  assert.deepEqual(rulesOf(await verifySvidProfile(svid.chain, other.bundle, nowMs)), ["chain"]);
});

test("an intermediate below an intermediate passes the path length", async () => {
  const keys = makeKeyPair();
  const request = { trustDomain, nodeName: "evil", publicKey: keys.publicKey, nowMs, random: systemRandom };
  const below = await createIntermediate(request, chain.issuer);
  const issuer = await issuerFrom(below, keys.privateKey, [below, ...chain.issuer.chain]);
  const order = { spiffeId: spiffeId("x"), publicKey: makeKeyPair().publicKey, lifetimeMs: 60_000 };
  const svid = issueSvid(order, issuer, nowMs, systemRandom);

  assert.deepEqual(rulesOf(await verifySvidProfile(svid.chain, chain.bundle, nowMs)), ["basic-constraints"]);
});

test("the bundle of one domain says nothing about another", async () => {
  const svid = svidFor("spiffe://__proto__/x" as SpiffeId, chain, nowMs);

  const violations = await verifySvidProfile(svid.chain, bundleOf("elsewhere.org", [chain.root], 1), nowMs);

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
  const printed = (file: string): string =>
    execFileSync("openssl", ["x509", "-in", file, "-noout", "-text"], { encoding: "utf8" });
  for (const expected of [
    /Key Usage: critical\s+Digital Signature\n/,
    /Basic Constraints: critical\s+CA:FALSE/,
    /TLS Web Server Authentication, TLS Web Client Authentication/,
    /Alternative Name: critical\s+URI:spiffe:\/\/cluster\.local\/ns\/default\/sa\/reviews\n/,
  ]) {
    assert.match(printed(good), expected);
  }
  const authorities = [
    { text: printed(root), subject: "weft root test", pathLength: 1 },
    { text: printed(intermediate), subject: "weft node node-1", pathLength: 0 },
  ];
  for (const { text, subject, pathLength } of authorities) {
    assert.match(text, new RegExp(`Subject: O ?= ?cluster\\.local, CN ?= ?${subject}\n`));
    assert.match(text, new RegExp(`Basic Constraints: critical\\s+CA:TRUE, pathlen:${pathLength}\n`));
    assert.match(text, /Key Usage: critical\s+Certificate Sign, CRL Sign\n/);
    assert.match(text, /Alternative Name: ?\s+URI:spiffe:\/\/cluster\.local\n/);
    assert.match(text, /Name Constraints: critical\s+Permitted:\s+URI:cluster\.local\n/);
  }
});

test("what is read in a certificate is what was put into it", () => {
  const keys = makeKeyPair();
  const { chain: own, notBeforeMs, notAfterMs } = svidFor(spiffeId("reviews"), chain, nowMs, keys);

  const read = readCertificate(own[0] ?? new Uint8Array());

  assert.deepEqual([read.notBeforeMs, read.notAfterMs], [notBeforeMs, notAfterMs]);
  assert.deepEqual(Buffer.from(read.publicKey), Buffer.from(keys.publicKey));
});

test("what is not one certificate in DER is not read", () => {
  const [leaf = new Uint8Array()] = svidFor(spiffeId("reviews"), chain, nowMs).chain;
  const wrong = [
    new Uint8Array(),
    leaf.subarray(1),
    Buffer.concat([leaf, leaf]),
    Buffer.from(toPem("CERTIFICATE", leaf)),
  ];

  for (const bytes of wrong) assert.throws(() => readCertificate(bytes), WeftError);
});
