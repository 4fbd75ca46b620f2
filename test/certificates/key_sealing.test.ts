import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { exportPrivateKey, importPrivateKey, makeKeyPair } from "../../src/certificates/key_pair.ts";
import { makeSealingKeyText, openKey, sealingKeyFrom, sealKey } from "../../src/certificates/key_sealing.ts";
import { WeftError } from "../../src/platform/error.ts";
import { systemRandom } from "../../src/platform/random.ts";

const sealing = sealingKeyFrom(makeSealingKeyText(systemRandom));
const keys = makeKeyPair();
const sealed = sealKey(exportPrivateKey(keys.privateKey), "authority/cluster.local/a", sealing, systemRandom);

const isWeftError = (code: string) => (error: unknown) => error instanceof WeftError && error.code === code;

test("a sealed key opens under its key and binding, and is the same key", () => {
  const opened = importPrivateKey(openKey(sealed, "authority/cluster.local/a", sealing));

  assert.deepEqual(Buffer.from(opened.publicKey), Buffer.from(keys.publicKey));
});

test("moved into another record, changed, or cut, it does not open", () => {
  const bytes = Buffer.from(sealed.sealed, "base64");
  bytes[0] = (bytes[0] ?? 0) ^ 1;
  const changed = { ...sealed, sealed: bytes.toString("base64") };

  assert.throws(() => openKey(sealed, "authority/cluster.local/b", sealing), isWeftError("invalid"));
  assert.throws(() => openKey(changed, "authority/cluster.local/a", sealing), isWeftError("invalid"));
  assert.throws(() => openKey({ ...sealed, sealed: "" }, "authority/cluster.local/a", sealing), isWeftError("invalid"));
  assert.throws(() => openKey({ ...sealed, nonce: "" }, "authority/cluster.local/a", sealing), isWeftError("invalid"));
});

test("under another sealing key it is denied, with both keys' names and no secret", () => {
  const other = sealingKeyFrom(makeSealingKeyText(systemRandom));

  assert.throws(() => openKey(sealed, "authority/cluster.local/a", other), isWeftError("denied"));
  assert.match(inspect(sealing), /\[redacted\]/);
  assert.doesNotMatch(JSON.stringify(sealing), /[A-Za-z0-9+/]{40}/);
});

test("sealing the same key twice gives different bytes", () => {
  const again = sealKey(exportPrivateKey(keys.privateKey), "authority/cluster.local/a", sealing, systemRandom);

  assert.notEqual(again.sealed, sealed.sealed);
});

test("a sealing key's file must hold exactly 32 bytes", () => {
  for (const text of ["", "AAAA", "not base64!", Buffer.alloc(33).toString("base64")]) {
    assert.throws(() => sealingKeyFrom(text), isWeftError("invalid"));
  }
});
