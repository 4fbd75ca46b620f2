/**
 * Holds a chain against the SPIFFE X.509-SVID profile and a bundle, and says everything that is wrong, so that `check`
 * and tests can print it. @peculiar/x509 reads the extensions, node:crypto (OpenSSL) the rest and the signatures; a TLS
 * stack does the same for every handshake, without the words.
 */
import type { KeyObject, X509Certificate } from "node:crypto";
import { parseSpiffeId } from "../model/identity.ts";
import { limits } from "../platform/limits.ts";
import type { BundleSet } from "./attestation/protocol.ts";
import { rootsOf } from "./bundle.ts";
import { parseCertificate } from "./certificate.ts";
import { type X509Library, x509 } from "./x509.ts";

export interface Violation {
  /** 0 is the leaf. */
  readonly certificate: number;
  readonly rule:
    | "malformed"
    | "uri-san"
    | "spiffe-id"
    | "basic-constraints"
    | "key-usage"
    | "extended-key-usage"
    | "validity"
    | "lifetime"
    | "serial"
    | "key"
    | "chain"
    | "trust-domain";
  readonly message: string;
}

type Report = (rule: Violation["rule"], message: string) => void;

/** What the profile looks at, out of one certificate. */
interface Reading {
  readonly certificate: X509Certificate;
  readonly key: KeyObject;
  readonly uris: readonly string[];
  readonly constraints: { readonly critical: boolean; readonly authority: boolean; readonly pathLength?: number };
  readonly usage: Usage | undefined;
  /** Object identifiers of extendedKeyUsage. */
  readonly uses: readonly string[] | undefined;
}

interface Usage {
  readonly critical: boolean;
  readonly digitalSignature: boolean;
  readonly certificates: boolean;
  readonly revocations: boolean;
}

/** @param chain leaf first, without the root; DER. Empty answer: it is a good SVID now, under this bundle. */
export async function verifySvidProfile(
  chain: readonly Uint8Array[],
  bundle: BundleSet,
  nowMs: number,
): Promise<readonly Violation[]> {
  const library = await x509();
  const violations: Violation[] = [];
  const readings: Reading[] = [];
  for (const [certificate, der] of chain.entries()) {
    const report: Report = (rule, message) => violations.push({ certificate, rule, message });
    const reading = read(library, der, report);
    if (!reading) continue;
    readings.push(reading);
    if (certificate === 0) checkLeaf(library, reading, report);
    else checkAuthority(reading, certificate - 1, report);
    checkValidity(reading.certificate, nowMs, report);
  }
  const [leaf] = readings;
  if (!leaf) return [...violations, { certificate: 0, rule: "malformed", message: "there is no leaf certificate" }];
  if (readings.length === chain.length) violations.push(...chainViolations(readings, leaf, bundle));
  return violations;
}

function read(library: X509Library, der: Uint8Array, report: Report): Reading | undefined {
  try {
    const certificate = parseCertificate(der);
    const view = new library.X509Certificate(der);
    const constraints = view.getExtension(library.BasicConstraintsExtension);
    const pathLength = constraints?.pathLength;
    const names = view.getExtension(library.SubjectAlternativeNameExtension)?.names.items ?? [];
    return {
      certificate,
      key: certificate.publicKey,
      uris: names.filter(({ type }) => type === "url").map(({ value }) => value),
      constraints: {
        critical: constraints?.critical ?? false,
        authority: constraints?.ca ?? false,
        ...(pathLength === undefined ? {} : { pathLength }),
      },
      usage: usageOf(library, view),
      uses: view.getExtension(library.ExtendedKeyUsageExtension)?.usages.map(String),
    };
  } catch (cause) {
    report("malformed", cause instanceof Error ? cause.message : String(cause));
    return undefined;
  }
}

function usageOf(library: X509Library, view: InstanceType<X509Library["X509Certificate"]>): Usage | undefined {
  const extension = view.getExtension(library.KeyUsagesExtension);
  if (!extension) return undefined;
  const { digitalSignature, keyCertSign, cRLSign } = library.KeyUsageFlags;
  const has = (flag: number): boolean => (extension.usages & flag) !== 0;
  return {
    critical: extension.critical,
    digitalSignature: has(digitalSignature),
    certificates: has(keyCertSign),
    revocations: has(cRLSign),
  };
}

function checkLeaf(
  { ExtendedKeyUsage }: X509Library,
  { certificate, key, uris, constraints, usage, uses }: Reading,
  report: Report,
): void {
  if (uris.length !== 1) report("uri-san", `it has ${uris.length} URI SANs, an SVID has exactly one`);
  for (const uri of uris) {
    const segments = parseSpiffeId(uri)?.segments;
    if (!segments) report("spiffe-id", `${JSON.stringify(uri)} is not a SPIFFE ID`);
    else if (segments.length === 0) report("spiffe-id", `${uri} names a trust domain, a leaf needs a path`);
  }
  if (constraints.authority) report("basic-constraints", "a leaf must not be a CA");
  if (!usage?.critical) report("key-usage", "keyUsage must be there and critical");
  if (usage && !usage.digitalSignature) report("key-usage", "keyUsage must have digitalSignature");
  if (usage?.certificates || usage?.revocations) report("key-usage", "a leaf must not sign certificates or CRLs");
  const both = uses?.includes(ExtendedKeyUsage.serverAuth) && uses.includes(ExtendedKeyUsage.clientAuth);
  if (uses && !both) report("extended-key-usage", "extendedKeyUsage, when there, must have serverAuth and clientAuth");
  const { validFromDate, validToDate, serialNumber } = certificate;
  if (validToDate.getTime() - validFromDate.getTime() > limits.svidLifetimeMs)
    report("lifetime", "it lives longer than 24 h");
  if (serialNumber.length < 16) report("serial", "its serial number has less than 64 bits");
  if (key.asymmetricKeyDetails?.namedCurve !== "prime256v1") report("key", "its key is not on P-256");
}

function checkAuthority({ constraints, usage, uris }: Reading, authoritiesBelow: number, report: Report): void {
  const { critical, authority, pathLength } = constraints;
  if (!authority || !critical) report("basic-constraints", "what signs must be a CA, critically");
  if (pathLength !== undefined && pathLength < authoritiesBelow)
    report("basic-constraints", "its path length is passed");
  if (!usage?.critical || !usage.certificates) report("key-usage", "what signs needs critical keyCertSign");
  for (const uri of uris) {
    if (parseSpiffeId(uri)?.segments.length !== 0) report("spiffe-id", `${uri}: a CA's SPIFFE ID has no path`);
  }
}

function checkValidity({ validFromDate, validToDate }: X509Certificate, nowMs: number, report: Report): void {
  if (nowMs < validFromDate.getTime()) report("validity", `it begins at ${validFromDate.toISOString()}`);
  if (nowMs > validToDate.getTime()) report("validity", `it ended at ${validToDate.toISOString()}`);
}

function chainViolations(readings: readonly Reading[], leaf: Reading, bundle: BundleSet): Violation[] {
  const parsed = parseSpiffeId(leaf.uris[0] ?? "");
  const roots = rootsOf(bundle, parsed?.trustDomain ?? "").map(parseCertificate);
  if (roots.length === 0) {
    return [{ certificate: 0, rule: "trust-domain", message: "the bundle has no root of its trust domain" }];
  }
  const violations: Violation[] = [];
  for (const [index, { certificate }] of readings.entries()) {
    const above = readings[index + 1];
    const signers = above ? [above.certificate] : roots;
    const signed = signers.some((signer) => certificate.checkIssued(signer) && certificate.verify(signer.publicKey));
    const by = above ? "the next certificate of the chain" : "a root of its trust domain";
    if (!signed) violations.push({ certificate: index, rule: "chain", message: `it is not signed by ${by}` });
  }
  return violations;
}
