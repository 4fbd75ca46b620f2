/**
 * Secret: certificates and keys that users store for gateways. What the mesh knows of one is which parts it has and which
 * version they are; what is in it stands sealed beside it, is opened for the agent that may have it, and goes nowhere else.
 */
import type { Namespace } from "./names.ts";

export interface MeshSecret {
  readonly namespace: Namespace;
  readonly name: string;
  readonly createdAt: number;
  readonly parts: { readonly keyPair: boolean; readonly authorities: boolean };
  /** Another whenever the contents are. Made of certificates alone, so that it says nothing of the key. */
  readonly version: string;
  /** When its certificate runs out, or the last of its authorities; ms. */
  readonly notAfterMs: number;
}

/** PEM. */
export interface SecretContents {
  /** A certificate with its intermediates, leaf first, and its key. */
  readonly keyPair?: { readonly chain: string; readonly key: string };
  /** Certificates of who may have signed others'. */
  readonly authorities?: string;
}

/** Bytes under AES-256-GCM with a key from outside of the store. Plain JSON, as it stands in a record. */
export interface Sealed {
  readonly version: 1;
  readonly keyId: string;
  readonly nonce: string;
  /** Ciphertext and tag, base64. */
  readonly sealed: string;
}

/** Where Istio looks first for the authorities that belong to a Secret. */
export function authoritiesBeside(name: string): string {
  return `${name}-cacert`;
}
