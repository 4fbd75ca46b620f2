/** Signing, as ports: who wants an SVID asks an `SvidSource`; it has them signed by a `Signer`, off the main thread. */
import type { SpiffeId } from "../model/identity.ts";
import type { IssuedSvid } from "./attestation/protocol.ts";
import type { Issuer } from "./issuer.ts";
import type { CsrRefusal } from "./signing_request.ts";

export interface SvidOrderFor {
  /** From attestation, never from the CSR. */
  readonly spiffeId: SpiffeId;
  /** PKCS#10, DER; checked where it is signed. */
  readonly csr: Uint8Array;
}

export type SvidAnswer =
  | { readonly kind: "issued"; readonly svid: IssuedSvid }
  | { readonly kind: "refused"; readonly code: CsrRefusal; readonly message: string };

/** Answers in the order of the requests. */
export interface SvidSource {
  issue(requests: readonly SvidOrderFor[]): Promise<readonly SvidAnswer[]>;
}

export interface Signer {
  /** @throws WeftError `overloaded` when the queue is full, `unavailable` when a worker died: both to be tried later. */
  signSvids(issuer: Issuer, requests: readonly SvidOrderFor[], lifetimeMs: number): Promise<readonly SvidAnswer[]>;
}
