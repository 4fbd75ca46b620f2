/**
 * Join tokens: what an operator hands to a new host. The text carries where the nodes are and which root to trust, so
 * that the host can be sure whom it talks to, and a secret of which the store keeps only the hash. A token works once.
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { trustDomainFrom } from "../../model/identity.ts";
import { type Decoded, integer, list, literal, object, parsed, text } from "../../platform/decode.ts";
import { WeftError } from "../../platform/error.ts";
import { limits } from "../../platform/limits.ts";
import { type Random, shortId } from "../../platform/random.ts";
import type { JoinToken } from "./protocol.ts";

export interface TokenRequest {
  readonly rootFingerprint: string;
  readonly trustDomain: string;
  readonly addresses: readonly string[];
  readonly lifetimeMs: number;
  /** When given, only this host may use it, and it may replace the key that the host has now. */
  readonly hostName?: string;
}

/** What the store keeps of a token, under tokenRecord(id). */
export type TokenRecord = Decoded<typeof decodeTokenRecord>;

export const decodeTokenRecord = object(
  { format: literal(1), id: text(64), secretHash: text(64), createdAtMs: integer(0), expiresAtMs: integer(0) },
  { hostName: text(253), used: object({ hostName: text(253), hostKey: text(1024), atMs: integer(0) }) },
);

export interface MadeToken {
  /** To be printed once, never stored or logged. */
  readonly text: string;
  readonly record: TokenRecord;
}

export function makeJoinToken(request: TokenRequest, nowMs: number, random: Random): MadeToken {
  const { rootFingerprint, trustDomain, addresses, lifetimeMs, hostName } = request;
  const secret = Buffer.from(random.bytes(32)).toString("base64url");
  const token: JoinToken = { version: 1, id: shortId(random, 16), secret, rootFingerprint, trustDomain, addresses };
  const times = { createdAtMs: nowMs, expiresAtMs: nowMs + lifetimeMs };
  const record = { format: 1, id: token.id, secretHash: hashOfSecret(secret), ...times } as const;
  return { text: encodeJoinToken(token), record: hostName === undefined ? record : { ...record, hostName } };
}

export function encodeJoinToken(token: JoinToken): string {
  return Buffer.from(JSON.stringify(token), "utf8").toString("base64url");
}

const decodeToken = object({
  version: literal(1),
  id: text(64, /^[a-z0-9]+$/),
  secret: text(128),
  rootFingerprint: text(64, /^[0-9a-f]{64}$/),
  trustDomain: parsed("a trust domain", trustDomainFrom),
  addresses: list(text(300, /^.+:\d{1,5}$/), 64),
});

/** @throws WeftError `invalid` that says what to do; the text is never in it. */
export function decodeJoinToken(encoded: string): JoinToken {
  const attempted = "read the join token";
  const next = "copy the whole line that `meshctl token create` printed";
  if (encoded.length > limits.joinTokenBytes) {
    throw new WeftError({ code: "invalid", retry: "never", attempted, because: "it is too long to be one", next });
  }
  try {
    return decodeToken(JSON.parse(Buffer.from(encoded.trim(), "base64url").toString("utf8")), "join token");
  } catch {
    throw new WeftError({ code: "invalid", retry: "never", attempted, because: "it is not a join token", next });
  }
}

/** The secret has 256 bits of chance, so a plain hash is enough: there is nothing to guess. */
export function hashOfSecret(secret: string): string {
  return createHash("sha256").update("weft-join-token\n").update(secret).digest("hex");
}

/** Takes the same time whatever the difference. */
export function secretMatches(record: TokenRecord, secret: string): boolean {
  const kept = Buffer.from(record.secretHash, "utf8");
  const given = Buffer.from(hashOfSecret(secret), "utf8");
  return kept.length === given.length && timingSafeEqual(kept, given);
}
