/** Secrets: what of them is taken, what is refused and ignored, and that nothing of a key is said. */
import assert from "node:assert/strict";
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { test } from "node:test";
import { type Parsed, parseResources } from "../../src/resources/parse.ts";
import { toModel } from "../../src/resources/to_model.ts";
import { WebAuthority } from "../support/web_certificates.ts";

const authority = await WebAuthority.create("the web");
const [web, other] = await Promise.all([authority.issue("web.example.com"), authority.issue("other.example.com")]);
const pem = (key: KeyObject): string => key.export({ type: "pkcs8", format: "pem" }).toString();
const ed25519 = pem(generateKeyPairSync("ed25519").privateKey);
const shortRsa = pem(generateKeyPairSync("rsa", { modulusLength: 1_024 }).privateKey);

interface Written {
  readonly type?: string;
  readonly data?: Readonly<Record<string, unknown>>;
  readonly stringData?: Readonly<Record<string, unknown>> | string;
  readonly annotations?: Readonly<Record<string, string>>;
}

const base64 = (text: string): string => Buffer.from(text, "utf8").toString("base64");

function read({ annotations, ...fields }: Written): Parsed {
  const metadata = { name: "web", ...(annotations ? { annotations } : {}) };
  return parseResources({ text: JSON.stringify({ apiVersion: "v1", kind: "Secret", metadata, ...fields }) });
}

const told = ({ problems }: Parsed) => problems.map(({ code, field }) => `${code} ${field ?? ""}`.trim());

/** Whether any twelve characters in a row of the key's base64 stand in the text. */
function says(text: string, key: string): boolean {
  const body = key.replaceAll(/-----[A-Z ]+-----|\s/g, "");
  return Array.from({ length: body.length - 12 }, (_, at) => body.slice(at, at + 12)).some((part) =>
    text.includes(part),
  );
}

test("a certificate with its key, in base64 and as it is, under both of Istio's names", () => {
  const all: readonly Written[] = [
    { type: "kubernetes.io/tls", data: { "tls.crt": base64(web.cert), "tls.key": base64(web.key) } },
    { stringData: { "tls.crt": web.cert, "tls.key": web.key } },
    { type: "Opaque", stringData: { cert: web.cert, key: web.key } },
  ];
  const read1 = all.map((written) => {
    const parsed = read(written);
    assert.deepEqual(told(parsed), []);
    const [one] = parsed.resources;
    assert.ok(one);
    assert.deepEqual(one.contents?.reveal().keyPair?.key.trim(), web.key.trim());
    return toModel({ resource: one.resource, generation: 1, createdAtMs: 0 });
  });
  for (const object of read1) {
    assert.ok(object.kind === "Secret");
    assert.deepEqual(object.parts, { keyPair: true, authorities: false });
  }
  assert.equal(new Set(read1.map((object) => object.kind === "Secret" && object.version)).size, 1);
});

test("authorities alone, or beside the certificate; stringData goes before data", () => {
  const alone = read({ stringData: { cacert: authority.ca } }).resources[0];
  assert.deepEqual(alone?.contents?.reveal(), { authorities: `${authority.ca.trim()}\n` });
  const both = read({
    type: "kubernetes.io/tls",
    data: { "tls.crt": base64(web.cert), "tls.key": base64(web.key), "ca.crt": base64(web.cert) },
    stringData: { "ca.crt": authority.ca },
  }).resources[0];
  assert.deepEqual(both?.contents?.reveal().authorities, `${authority.ca.trim()}\n`);
  assert.deepEqual(both?.resource.spec.keys, ["tls.crt", "tls.key", "ca.crt"]);
});

const refused: Readonly<Record<string, { readonly written: Written; readonly told: readonly string[] }>> = {
  "the key of another certificate": {
    written: { stringData: { "tls.crt": web.cert, "tls.key": other.key } },
    told: ['MSH1341 stringData["tls.key"]'],
  },
  "no key": { written: { stringData: { "tls.crt": web.cert } }, told: ['MSH1341 data["tls.key"]'] },
  "no certificate": { written: { stringData: { "tls.key": web.key } }, told: ['MSH1341 data["tls.crt"]'] },
  "nothing at all": {
    written: { type: "kubernetes.io/tls" },
    told: ['MSH1341 data["tls.crt"]', 'MSH1341 data["tls.key"]'],
  },
  "both changed for each other": {
    written: { stringData: { "tls.crt": web.key, "tls.key": web.cert } },
    told: ['MSH1341 stringData["tls.crt"]', 'MSH1341 stringData["tls.key"]'],
  },
  "half a key": {
    written: { stringData: { "tls.crt": web.cert, "tls.key": web.key.slice(0, 90) } },
    told: ['MSH1341 stringData["tls.key"]'],
  },
  "a key that Envoy does not take": {
    written: { stringData: { "tls.crt": web.cert, "tls.key": ed25519 } },
    told: ['MSH1341 stringData["tls.key"]'],
  },
  "a key that is too short": {
    written: { stringData: { "tls.crt": web.cert, "tls.key": shortRsa } },
    told: ['MSH1341 stringData["tls.key"]'],
  },
  "PEM where base64 belongs": {
    written: { data: { "tls.crt": base64(web.cert), "tls.key": web.key } },
    told: ['MSH1207 data["tls.key"]'],
  },
  "what is no text": {
    written: { data: { "tls.crt": base64(web.cert), "tls.key": 123_456_789_012 } },
    told: ['MSH1203 data["tls.key"]'],
  },
  "one thing under two names": {
    written: { stringData: { "tls.crt": web.cert, "tls.key": web.key, key: web.key, cert: web.cert } },
    told: ["MSH1209 stringData.cert", "MSH1209 stringData.key"],
  },
  "revocation that nobody would look at": {
    written: { stringData: { "tls.crt": web.cert, "tls.key": web.key, "ca.crl": "x" } },
    told: ['MSH1202 stringData["ca.crl"]'],
  },
  "what the mesh printed": {
    written: { type: "kubernetes.io/tls", data: { "tls.crt": "[redacted]", "tls.key": "[redacted]" } },
    told: ['MSH1342 data["tls.crt"]', 'MSH1342 data["tls.key"]'],
  },
};

for (const [name, { written, told: wanted }] of Object.entries(refused)) {
  test(`refused: ${name}`, () => {
    const parsed = read(written);
    assert.deepEqual(told(parsed), wanted);
    assert.deepEqual(parsed.resources, []);
    for (const key of [web.key, other.key, ed25519, shortRsa]) assert.ok(!says(JSON.stringify(parsed), key));
    assert.doesNotMatch(JSON.stringify(parsed), /123456789012/);
  });
}

test("other programs' Secrets are ignored, and their own keys in one for gateways are not kept", () => {
  for (const written of [
    { type: "kubernetes.io/dockerconfigjson", data: { ".dockerconfigjson": "e30=" } },
    { type: "Opaque", stringData: { password: "hunter2", key: "of another kind" } },
  ]) {
    const parsed = read(written);
    assert.deepEqual([told(parsed), parsed.resources, parsed.ignored.length], [["MSH1102"], [], 1]);
    assert.doesNotMatch(JSON.stringify(parsed), /hunter2|another kind/);
  }
  const mixed = read({ stringData: { "tls.crt": web.cert, "tls.key": web.key, "keystore.jks": "hunter2" } });
  assert.deepEqual(told(mixed), ["MSH1343 data"]);
  assert.equal(mixed.resources.length, 1);
  assert.doesNotMatch(JSON.stringify(mixed), /hunter2/);
});

test("nothing of a Secret stands in its resource: no value, and not the copy that kubectl keeps of it", () => {
  const last = JSON.stringify({ data: { "tls.key": base64(web.key) }, stringData: { "tls.key": web.key } });
  const annotations = { "kubectl.kubernetes.io/last-applied-configuration": last, note: "kept" };
  const [one] = read({ stringData: { "tls.crt": web.cert, "tls.key": web.key }, annotations }).resources;
  assert.deepEqual(one?.resource.metadata.annotations, { note: "kept" });
  for (const text of [JSON.stringify(one), String(one?.contents)]) {
    assert.ok(!says(text, web.key) && !says(text, base64(web.key)));
  }
});

test("a key that lost its indentation is not quoted by what is said of the YAML", () => {
  const head = "apiVersion: v1\nkind: Secret\nmetadata: {name: web}\nstringData:\n  tls.key: |\n";
  for (const text of [`${head}${web.key}`, `${head}  -----BEGIN\n${web.key}: x`, `${head}x\n"${web.key}`]) {
    const parsed = parseResources({ text });
    assert.ok(parsed.problems.length > 0);
    assert.ok(!says(JSON.stringify(parsed), web.key), JSON.stringify(parsed.problems));
  }
});
