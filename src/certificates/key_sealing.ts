/**
 * Seals private keys for the store: AES-256-GCM under a key that never enters the store. Every node that may own the
 * authority holds that key, as a file. The associated data names the record and the slot, so a sealed key moved into
 * another record does not open; the key's own id stands beside it, so that sealing keys can be changed one by one.
 */
import { createCipheriv, createDecipheriv, createHash } from "node:crypto";
import { sealedUpTo } from "../model/decode.ts";
import type { Sealed } from "../model/secret.ts";
import { WeftError } from "../platform/error.ts";
import { Secret } from "../platform/log.ts";
import type { Random } from "../platform/random.ts";
import { fromBase64, toBase64 } from "./base64.ts";

const keyBytes = 32;
// NIST SP 800-38D, 8.2: 96 random bits; far fewer than 2^32 seals under one key.
const nonceBytes = 12;
const tagBytes = 16;

export interface SealingKey {
  /** Names the key without giving it away. */
  readonly id: string;
  readonly key: Secret<Uint8Array>;
}

export type SealedKey = Sealed;

export const decodeSealedKey = sealedUpTo(16_384);

/** The content of a sealing key's file: 32 bytes in base64, one line. */
export function makeSealingKeyText(random: Random): string {
  return `${toBase64(random.bytes(keyBytes))}\n`;
}

export function sealingKeyFrom(fileText: string): SealingKey {
  const key = fromBase64(fileText.trim());
  if (key?.length !== keyBytes) {
    throw new WeftError({
      code: "invalid",
      retry: "never",
      attempted: "read the sealing key",
      because: "the file must hold 32 bytes in base64",
      next: "restore the file from its backup; without it the authority's root key cannot be opened",
    });
  }
  const id = createHash("sha256").update("weft-sealing-key\n").update(key).digest("hex").slice(0, 16);
  return { id, key: new Secret(key) };
}

function associated(keyId: string, binding: string): Uint8Array {
  return Buffer.from(`weft-sealed-key-1\n${keyId}\n${binding}`, "utf8");
}

/** @param binding what the key belongs to: its record's key and its slot. Must be said again to open it. */
export function sealKey(secret: Uint8Array, binding: string, sealing: SealingKey, random: Random): SealedKey {
  const nonce = random.bytes(nonceBytes);
  const cipher = createCipheriv("aes-256-gcm", sealing.key.reveal(), nonce, { authTagLength: tagBytes });
  cipher.setAAD(associated(sealing.id, binding));
  const sealed = Buffer.concat([cipher.update(secret), cipher.final(), cipher.getAuthTag()]);
  return { version: 1, keyId: sealing.id, nonce: toBase64(nonce), sealed: toBase64(sealed) };
}

export function openKey(sealed: SealedKey, binding: string, sealing: SealingKey): Uint8Array {
  const attempted = `open the sealed key of ${binding}`;
  if (sealed.keyId !== sealing.id) {
    const because = `it was sealed with key ${sealed.keyId}, this node holds ${sealing.id}`;
    throw new WeftError({
      code: "denied",
      retry: "elsewhere",
      attempted,
      because,
      next: "give every node the same key",
    });
  }
  const bytes = fromBase64(sealed.sealed) ?? new Uint8Array();
  try {
    const nonce = fromBase64(sealed.nonce) ?? new Uint8Array();
    const decipher = createDecipheriv("aes-256-gcm", sealing.key.reveal(), nonce, { authTagLength: tagBytes });
    decipher.setAAD(associated(sealed.keyId, binding));
    decipher.setAuthTag(bytes.subarray(bytes.length - tagBytes));
    return Buffer.concat([decipher.update(bytes.subarray(0, bytes.length - tagBytes)), decipher.final()]);
  } catch (cause) {
    const because = "it was changed, or belongs to another record";
    throw new WeftError({ code: "invalid", retry: "never", attempted, because, cause });
  }
}
