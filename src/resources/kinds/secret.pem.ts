/**
 * PEM that a Secret holds: whether it is what its key says. What is kept of a text are its certificates, or its key, and
 * nothing beside them. What is wrong is said without a word of the text. Pure.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";

export type Read<Value> =
  | { readonly is: "good"; readonly value: Value }
  | { readonly is: "wrong"; readonly because: string };

export interface Certificates {
  readonly pem: string;
  readonly all: readonly [X509Certificate, ...X509Certificate[]];
}

export interface PrivateKey {
  readonly pem: string;
  readonly key: KeyObject;
}

const certificateBlock = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;
const keyBlock = /-----BEGIN ((?:RSA |EC )?PRIVATE KEY)-----[A-Za-z0-9+/=\s]+-----END \1-----/;
const lockedKey = /-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED/;
/** What Envoy's TLS signs with. */
const curves: readonly unknown[] = ["prime256v1", "secp384r1", "secp521r1"];
const leastRsaBits = 2_048;

export function certificatesIn(text: string): Read<Certificates> {
  const blocks = text.match(certificateBlock) ?? [];
  const read: X509Certificate[] = [];
  for (const [index, block] of blocks.entries()) {
    const certificate = certificateFrom(block);
    if (!certificate) return wrong(`certificate ${index + 1} of it cannot be read; write it as its authority gave it`);
    read.push(certificate);
  }
  const [first, ...others] = read;
  if (!first) return wrong("holds no certificate; write PEM, with -----BEGIN CERTIFICATE----- and its END");
  return { is: "good", value: { pem: `${blocks.join("\n")}\n`, all: [first, ...others] } };
}

export function privateKeyIn(text: string): Read<PrivateKey> {
  if (lockedKey.test(text))
    return wrong("is locked by a passphrase; write the key without one (openssl pkey -in FILE)");
  const [block] = keyBlock.exec(text) ?? [];
  if (block === undefined) return wrong("holds no key; write PEM, with -----BEGIN PRIVATE KEY----- and its END");
  const key = keyFrom(block);
  if (!key) return wrong("is a key that cannot be read; write it as it was made");
  const { asymmetricKeyType: type, asymmetricKeyDetails: details } = key;
  const isTaken =
    type === "rsa"
      ? (details?.modulusLength ?? 0) >= leastRsaBits
      : type === "ec" && curves.includes(details?.namedCurve);
  if (!isTaken) return wrong(`is of a kind that Envoy does not take; use RSA from ${leastRsaBits} bits, or P-256`);
  return { is: "good", value: { pem: `${block}\n`, key } };
}

export function belongTogether({ all: [leaf] }: Certificates, { key }: PrivateKey): boolean {
  return leaf.checkPrivateKey(key);
}

export function notAfterMs(certificate: X509Certificate): number {
  return Date.parse(certificate.validTo);
}

function certificateFrom(block: string): X509Certificate | undefined {
  try {
    return new X509Certificate(block);
  } catch {
    return undefined;
  }
}

function keyFrom(block: string): KeyObject | undefined {
  try {
    return createPrivateKey(block);
  } catch {
    return undefined;
  }
}

function wrong(because: string): { readonly is: "wrong"; readonly because: string } {
  return { is: "wrong", because };
}
