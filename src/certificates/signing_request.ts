/**
 * CSRs (PKCS#10, RFC 2986). Reading one takes two things out of it: a P-256 public key, and the proof that whoever sent
 * it holds the private half. Subject, attributes and requested extensions are not looked at, so a CSR that asks for two
 * URI SANs, a DNS name or CA true gets exactly what its sender was attested as. The size is checked before a byte is
 * parsed, and one level is read at a time, so depth is harmless. Reading is own code because CSRs come from strangers,
 * in the workers: nothing is built from them but the two things, and bytes behind them, which @peculiar/x509 passes
 * over, are refused.
 */
import { createPublicKey, type KeyObject } from "node:crypto";
import { limits } from "../platform/limits.ts";
import { DerReader, MalformedDer, sequenceIn, wholeBytes } from "./der/read.ts";
import { tags } from "./der/write.ts";
import { type KeyPair, p256PublicKey, signatureHolds } from "./key_pair.ts";
import { ecdsaWithSha256 } from "./object_identifiers.ts";
import { signedWithSha256, webKey, x509 } from "./x509.ts";

export type CsrRefusal = "too-large" | "malformed" | "wrong-key" | "wrong-algorithm" | "bad-signature";

export type SigningRequest =
  | { readonly kind: "good" /** SPKI, DER. */; readonly publicKey: Uint8Array }
  | { readonly kind: "refused"; readonly code: CsrRefusal; readonly message: string };

interface Parts {
  readonly signed: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly algorithm: Uint8Array;
  readonly signature: Uint8Array;
}

function partsOf(der: Uint8Array): Parts {
  const whole = sequenceIn(der, "request");
  const info = whole.expect(tags.sequence, "request information");
  const algorithm = whole.expect(tags.sequence, "signature algorithm").whole;
  const signature = wholeBytes(whole.expect(tags.bitString, "signature"), "signature");
  whole.end("the signature");
  const inside = new DerReader(info.content);
  inside.expect(tags.integer, "version");
  inside.expect(tags.sequence, "subject");
  const publicKey = inside.expect(tags.sequence, "public key").whole;
  // There always, says RFC 2986; @peculiar/x509 leaves it out when it is empty.
  inside.optional(0xa0);
  inside.end("the attributes");
  return { signed: info.whole, publicKey, algorithm, signature };
}

export function readSigningRequest(der: Uint8Array): SigningRequest {
  const refused = (code: CsrRefusal, message: string): SigningRequest => ({ kind: "refused", code, message });
  if (der.length > limits.csrBytes) {
    return refused("too-large", `the CSR has ${der.length} bytes, at most ${limits.csrBytes} are read`);
  }
  let parts: Parts;
  try {
    parts = partsOf(der);
  } catch (cause) {
    if (!(cause instanceof MalformedDer)) throw cause;
    return refused("malformed", `the CSR is not PKCS#10 in DER: ${cause.message}`);
  }
  const key: KeyObject | undefined = p256PublicKey(parts.publicKey);
  if (!key) return refused("wrong-key", "the CSR's key must be ECDSA on P-256");
  if (!Buffer.from(parts.algorithm).equals(ecdsaWithSha256)) {
    return refused("wrong-algorithm", "the CSR must be signed with ECDSA and SHA-256");
  }
  if (!signatureHolds(key, parts.signed, parts.signature)) {
    return refused("bad-signature", "the CSR's signature is not by its own key");
  }
  return { kind: "good", publicKey: parts.publicKey };
}

/** What an agent or a node sends: a key and its proof, nothing else. */
export async function createSigningRequest({ privateKey }: KeyPair): Promise<Uint8Array> {
  const { Pkcs10CertificateRequestGenerator } = await x509();
  const keys = { privateKey: webKey(privateKey), publicKey: webKey(createPublicKey(privateKey)) };
  const request = await Pkcs10CertificateRequestGenerator.create({ keys, signingAlgorithm: signedWithSha256 });
  return new Uint8Array(request.rawData);
}
