/**
 * The two CA certificates of a trust domain: its root (one intermediate may stand below), and a node's intermediate
 * (only leaves below). Both may sign URIs of their own trust domain only, so that a stolen intermediate is worth nothing
 * elsewhere even to a verifier that keeps many roots in one bag.
 */
import type { KeyObject } from "node:crypto";
import type { TrustDomain } from "../model/identity.ts";
import { WeftError } from "../platform/error.ts";
import { limits } from "../platform/limits.ts";
import type { Random } from "../platform/random.ts";
import { sequence, tagged, taggedPrimitive } from "./der/write.ts";
import { type Issuer, randomSerial } from "./issuer.ts";
import { type KeyPair, keyIdentifier, p256PublicKey } from "./key_pair.ts";
import { oids } from "./object_identifiers.ts";
import { type Validity, validityFrom } from "./validity.ts";
import { signedWithSha256, webKey, type X509Library, x509 } from "./x509.ts";

export interface RootRequest {
  readonly trustDomain: TrustDomain;
  /** Tells this root from the others of the domain; goes into its name. */
  readonly slot: string;
  readonly keys: KeyPair;
  readonly nowMs: number;
  readonly random: Random;
  /** Default limits.rootLifetimeMs. */
  readonly lifetimeMs?: number;
}

const always: Validity = { notBeforeMs: 0, notAfterMs: Number.MAX_SAFE_INTEGER };

/** Self-signed, path length 1. */
export async function createRoot({
  trustDomain,
  slot,
  keys,
  nowMs,
  random,
  ...rest
}: RootRequest): Promise<Uint8Array> {
  const library = await x509();
  const name = distinguishedName(library, trustDomain, `weft root ${slot}`);
  const lifetimeMs = rest.lifetimeMs ?? limits.rootLifetimeMs;
  return signAuthority(library, {
    trustDomain,
    random,
    issuer: name,
    subject: name,
    ...validityFrom(nowMs, lifetimeMs, { ...always, mostMs: limits.rootLifetimeMs }),
    publicKey: keys.publicKey,
    pathLength: 1,
    signingKey: keys.privateKey,
    signingPublicKey: keys.publicKey,
  });
}

export interface IntermediateRequest {
  readonly trustDomain: TrustDomain;
  readonly nodeName: string;
  /** The node's CA key, SPKI. Its private half stays on the node. */
  readonly publicKey: Uint8Array;
  readonly nowMs: number;
  readonly random: Random;
  /** Default limits.intermediateLifetimeMs; never beyond the root's end. */
  readonly lifetimeMs?: number;
}

/** Path length 0. The key must be on P-256: refused as `invalid` otherwise. */
export async function createIntermediate(request: IntermediateRequest, root: Issuer): Promise<Uint8Array> {
  const { trustDomain, nodeName, publicKey, nowMs, random } = request;
  const attempted = `sign an intermediate for node ${nodeName}`;
  if (!p256PublicKey(publicKey)) {
    throw new WeftError({ code: "invalid", retry: "never", attempted, because: "its key is not on P-256" });
  }
  const lifetimeMs = request.lifetimeMs ?? limits.intermediateLifetimeMs;
  const validity = validityFrom(nowMs, lifetimeMs, { ...root, mostMs: limits.intermediateLifetimeMs });
  if (validity.notAfterMs <= nowMs) {
    throw new WeftError({ code: "unavailable", retry: "later", attempted, because: "the root has ended" });
  }
  const library = await x509();
  return signAuthority(library, {
    trustDomain,
    random,
    issuer: new library.Name(root.name),
    subject: distinguishedName(library, trustDomain, `weft node ${nodeName}`.slice(0, 64)),
    ...validity,
    publicKey,
    pathLength: 0,
    signingKey: root.key,
    signingPublicKey: root.publicKey,
  });
}

type Name = InstanceType<X509Library["Name"]>;
type Extension = InstanceType<X509Library["Extension"]>;

function distinguishedName({ Name }: X509Library, organization: string, commonName: string): Name {
  // Objects, not strings: in those the library looks for quotes, backslashes and "#".
  return new Name([{ O: [{ utf8String: organization }] }, { CN: [{ utf8String: commonName }] }]);
}

interface AuthorityFields extends Validity {
  readonly trustDomain: TrustDomain;
  readonly random: Random;
  readonly issuer: Name;
  readonly subject: Name;
  /** SPKI, DER. */
  readonly publicKey: Uint8Array;
  /** How many CAs may stand below. */
  readonly pathLength: number;
  readonly signingKey: KeyObject;
  readonly signingPublicKey: Uint8Array;
}

async function signAuthority(library: X509Library, fields: AuthorityFields): Promise<Uint8Array> {
  const certificate = await library.X509CertificateGenerator.create({
    serialNumber: hex(randomSerial(fields.random)),
    issuer: fields.issuer,
    subject: fields.subject,
    notBefore: new Date(fields.notBeforeMs),
    notAfter: new Date(fields.notAfterMs),
    publicKey: Buffer.from(fields.publicKey),
    signingKey: webKey(fields.signingKey),
    signingAlgorithm: signedWithSha256,
    extensions: extensionsOf(library, fields),
  });
  return new Uint8Array(certificate.rawData);
}

function extensionsOf(library: X509Library, fields: AuthorityFields): Extension[] {
  const { keyCertSign, cRLSign } = library.KeyUsageFlags;
  return [
    new library.BasicConstraintsExtension(true, fields.pathLength, true),
    new library.KeyUsagesExtension(keyCertSign | cRLSign, true),
    new library.SubjectAlternativeNameExtension([{ type: "url", value: `spiffe://${fields.trustDomain}` }], false),
    permittedTrustDomain(library, fields.trustDomain),
    // The identifiers are given: the library's own are SHA-1, and leaves name their issuer by ours.
    new library.SubjectKeyIdentifierExtension(hex(keyIdentifier(fields.publicKey))),
    new library.AuthorityKeyIdentifierExtension(hex(keyIdentifier(fields.signingPublicKey))),
  ];
}

/**
 * Only URIs whose host is this trust domain may stand below (RFC 5280, 4.2.1.10). The library knows no name constraints
 * and takes an extension's value as DER.
 */
function permittedTrustDomain({ Extension }: X509Library, trustDomain: string): Extension {
  const subtree = sequence(taggedPrimitive(6, Buffer.from(trustDomain, "ascii")));
  return new Extension(oids.nameConstraints, true, sequence(tagged(0, subtree)));
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
