/**
 * X.509-SVIDs, as the SPIFFE X.509-SVID specification has them: one URI SAN, critical keyUsage with digitalSignature,
 * CA false, server and client use, 24 h at most. Pure but for the signature. Called in workers (workers/sign_task.ts).
 */
import type { SpiffeId } from "../model/identity.ts";
import { WeftError } from "../platform/error.ts";
import { limits } from "../platform/limits.ts";
import type { Random } from "../platform/random.ts";
import type { IssuedSvid } from "./attestation/protocol.ts";
import { toBase64 } from "./base64.ts";
import { type Issuer, randomSerial } from "./issuer.ts";
import {
  authorityKey,
  digitalSignatureUsage,
  leafConstraints,
  serverAndClient,
  signLeaf,
  subjectKey,
  uriName,
} from "./leaf_certificate.ts";
import { validityFrom } from "./validity.ts";

export interface SvidOrder {
  /** Who it is, from attestation. */
  readonly spiffeId: SpiffeId;
  /** SPKI, DER; on P-256 and proven (readSigningRequest). */
  readonly publicKey: Uint8Array;
  /** Asked-for lifetime, ms; cut to limits.svidLifetimeMs and to the issuer's end. */
  readonly lifetimeMs: number;
}

export interface Svid {
  readonly spiffeId: SpiffeId;
  /** Leaf first, then intermediates; DER. */
  readonly chain: readonly Uint8Array[];
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export function issueSvid(order: SvidOrder, issuer: Issuer, nowMs: number, random: Random): Svid {
  const validity = validityFrom(nowMs, order.lifetimeMs, { ...issuer, mostMs: limits.svidLifetimeMs });
  if (validity.notAfterMs <= nowMs) {
    throw new WeftError({
      code: "unavailable",
      retry: "later",
      attempted: `issue an SVID for ${order.spiffeId}`,
      because: "the intermediate that would sign it has ended",
    });
  }
  const leaf = signLeaf(
    {
      serial: randomSerial(random),
      issuer: issuer.name,
      ...validity,
      publicKey: order.publicKey,
      extensions: [
        leafConstraints,
        digitalSignatureUsage,
        serverAndClient,
        uriName(order.spiffeId),
        subjectKey(order.publicKey),
        authorityKey(issuer.publicKey),
      ],
    },
    issuer.key,
  );
  return { spiffeId: order.spiffeId, chain: [leaf, ...issuer.chain], ...validity };
}

/** As it travels in the attestation protocol. */
export function issuedForm({ spiffeId, chain, notBeforeMs, notAfterMs }: Svid): IssuedSvid {
  return { spiffeId, chain: chain.map(toBase64), notBeforeMs, notAfterMs };
}
