/** Whoever signs: a CA certificate with its private key, and what of it goes into what it signs. */
import type { KeyObject } from "node:crypto";
import type { Random } from "../platform/random.ts";
import { x509 } from "./x509.ts";

/** Plain data and a KeyObject, so it can be sent to a worker thread as it is. */
export interface Issuer {
  readonly key: KeyObject;
  /** This CA first, then what is above it up to but without the root. Empty for a root. DER. */
  readonly chain: readonly Uint8Array[];
  /** Subject, whole DER. */
  readonly name: Uint8Array;
  /** SPKI, DER. */
  readonly publicKey: Uint8Array;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** @param chain what a verifier needs beside the root; without it, `certificate` is itself the root. */
export async function issuerFrom(
  certificate: Uint8Array,
  key: KeyObject,
  chain: readonly Uint8Array[] = [],
): Promise<Issuer> {
  const { X509Certificate } = await x509();
  const { subjectName, publicKey, notBefore, notAfter } = new X509Certificate(certificate);
  return {
    key,
    chain,
    name: new Uint8Array(subjectName.toArrayBuffer()),
    publicKey: new Uint8Array(publicKey.rawData),
    notBeforeMs: notBefore.getTime(),
    notAfterMs: notAfter.getTime(),
  };
}

/** 127 bits of chance, positive, never zero: above what the CA/Browser Forum and SPIFFE's own issuers use. */
export function randomSerial(random: Random): Uint8Array {
  const serial = random.bytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  return serial;
}
