/**
 * The one door to @peculiar/x509, which makes and reads whatever is not in the workers' hot path (leaf_certificate.ts,
 * signing_request.ts). It takes 0.07 s to load, so it is loaded when it is first needed: with mesh-agent's first CSR,
 * with a node's intermediate, and never in meshctl or a worker. It stands on tsyringe, which refuses to load without a
 * Reflect polyfill; that is why reflect-metadata comes first.
 */
import type { KeyObject, webcrypto } from "node:crypto";

export type X509Library = typeof import("@peculiar/x509");

export async function x509(): Promise<X509Library> {
  await import("reflect-metadata");
  return import("@peculiar/x509");
}

/** What the library's generators want to know beside the key. */
export const signedWithSha256 = { name: "ECDSA", hash: "SHA-256" } as const;

/** A P-256 key as the library takes it: a handle to the same native key. */
export function webKey(key: KeyObject): webcrypto.CryptoKey {
  const usage = key.type === "private" ? "sign" : "verify";
  return key.toCryptoKey({ name: "ECDSA", namedCurve: "P-256" }, key.type === "public", [usage]);
}
