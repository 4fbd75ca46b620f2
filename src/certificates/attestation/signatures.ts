/** What a host signs with its own key, and the check of it (the texts stand in protocol.ts). */
import type { KeyObject } from "node:crypto";
import { fromBase64, toBase64 } from "../base64.ts";
import { p256PublicKey, signatureHolds, signBytes } from "../key_pair.ts";
import type { HostRequest, JoinRequest } from "./protocol.ts";

const bytesOf = (...lines: readonly string[]): Uint8Array => Buffer.from(lines.join("\n"), "utf8");

export function joinSigned(request: Pick<JoinRequest, "tokenId" | "hostName" | "csr">): Uint8Array {
  return bytesOf("weft-join", request.tokenId, request.hostName, request.csr);
}

export function hostSigned(request: Pick<HostRequest, "nonce" | "hostName" | "csr">): Uint8Array {
  return bytesOf("weft-host", request.nonce, request.hostName, request.csr);
}

/** Base64 DER, as the requests carry it. */
export function signAsHost(hostKey: KeyObject, signed: Uint8Array): string {
  return toBase64(signBytes(hostKey, signed));
}

/** @param hostKey SPKI, base64 DER, as registered or as offered. False as well when it is no P-256 key. */
export function hostSignatureHolds(hostKey: string, signed: Uint8Array, signature: string): boolean {
  const spki = fromBase64(hostKey);
  const key = spki && p256PublicKey(spki);
  const bytes = fromBase64(signature);
  return key !== undefined && bytes !== undefined && signatureHolds(key, signed, bytes);
}
