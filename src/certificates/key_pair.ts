/**
 * Keys. Weft uses one kind: ECDSA on P-256. A public key travels as its SPKI in DER, which for this curve has one
 * 26-byte beginning and then the uncompressed point, so anything else (P-224, compressed, explicit curves) is told
 * apart by comparing bytes. A private key stays a KeyObject: signing with a JavaScript PEM parses it every time.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from "node:crypto";
import { WeftError } from "../platform/error.ts";
import { bitString, objectIdentifier, sequence } from "./der/write.ts";
import { oids } from "./object_identifiers.ts";

const pointBytes = 65;
const spkiWithZeroPoint = sequence(
  sequence(objectIdentifier(oids.ecPublicKey), objectIdentifier(oids.prime256v1)),
  bitString(new Uint8Array(pointBytes)),
);
const spkiBeginning = Buffer.from(spkiWithZeroPoint.subarray(0, spkiWithZeroPoint.length - pointBytes));

export interface KeyPair {
  readonly privateKey: KeyObject;
  /** SPKI, DER. */
  readonly publicKey: Uint8Array;
}

/** Takes ≈ 0.05 ms, so it may run on the main thread. */
export function makeKeyPair(): KeyPair {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { privateKey, publicKey: publicKey.export({ type: "spki", format: "der" }) };
}

/** The key of a P-256 SPKI; undefined for anything else, and for a point that is not on the curve. */
export function p256PublicKey(spki: Uint8Array): KeyObject | undefined {
  const uncompressed = spki[spkiBeginning.length] === 0x04 && spki.length === spkiWithZeroPoint.length;
  if (!uncompressed || spkiBeginning.compare(spki, 0, spkiBeginning.length) !== 0) return undefined;
  try {
    return createPublicKey({ key: Buffer.from(spki), type: "spki", format: "der" });
  } catch {
    return undefined;
  }
}

/** PKCS#8, DER. A secret: seal it or write it to a file of mode 0600, nothing else. */
export function exportPrivateKey(key: KeyObject): Uint8Array {
  return key.export({ type: "pkcs8", format: "der" });
}

export function importPrivateKey(pkcs8: Uint8Array): KeyPair {
  try {
    const privateKey = createPrivateKey({ key: Buffer.from(pkcs8), type: "pkcs8", format: "der" });
    const publicKey = createPublicKey(privateKey).export({ type: "spki", format: "der" });
    if (p256PublicKey(publicKey)) return { privateKey, publicKey };
  } catch (cause) {
    throw WeftError.from(cause, "read a private key", { code: "invalid", because: "it is not a PKCS#8 key" });
  }
  throw new WeftError({
    code: "invalid",
    retry: "never",
    attempted: "read a private key",
    because: "it is not on P-256",
  });
}

/** The point itself, which key identifiers are made of. */
export function keyIdentifier(spki: Uint8Array): Uint8Array {
  // RFC 7093, 2 (1): the leftmost 160 bits of SHA-256 over the key's bit string.
  return createHash("sha256").update(spki.subarray(spkiBeginning.length)).digest().subarray(0, 20);
}

/** ECDSA with SHA-256, DER. */
export function signBytes(key: KeyObject, bytes: Uint8Array): Uint8Array {
  return sign("sha256", bytes, key);
}

export function signatureHolds(key: KeyObject, bytes: Uint8Array, signature: Uint8Array): boolean {
  try {
    return verify("sha256", bytes, key, signature);
  } catch {
    return false;
  }
}
