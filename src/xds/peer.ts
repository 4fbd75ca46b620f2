/**
 * Who is at the other end of a TLS connection, from the DER of its certificate. The chain was verified by the handshake;
 * here the SPIFFE X.509-SVID rules for a leaf are checked: one URI name, which is a SPIFFE ID, and no authority.
 */
import { X509Certificate } from "node:crypto";
import { parseSpiffeId, type SpiffeId } from "../model/identity.ts";

export interface CertifiedPeer {
  readonly spiffeId: SpiffeId;
  readonly certificateNotAfterMs: number;
}

export type PeerReading =
  | { readonly kind: "peer"; readonly peer: CertifiedPeer }
  | { readonly kind: "unfit"; readonly because: string };

export function peerOfCertificate(der: Uint8Array): PeerReading {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(der);
  } catch {
    return unfit("the certificate cannot be read");
  }
  const names = alternativeNames(certificate.subjectAltName ?? "");
  if (!names) return unfit("the certificate's alternative names cannot be read");
  const [uri, ...others] = names.filter(({ type }) => type === "URI");
  if (!uri || others.length > 0)
    return unfit(`the certificate has ${uri ? "several" : "no"} URI names, a SPIFFE ID is one`);
  if (!parseSpiffeId(uri.value)) return unfit("the certificate's URI name is not a SPIFFE ID");
  if (certificate.ca) return unfit("the certificate is an authority's");
  const peer = { spiffeId: uri.value as SpiffeId, certificateNotAfterMs: certificate.validToDate.getTime() };
  return { kind: "peer", peer };
}

interface AlternativeName {
  readonly type: string;
  readonly value: string;
}

// Node prints a name that holds a comma, a quote, a backslash or a control character as a JSON string (CVE-2021-44532),
// so a comma outside quotes always separates.
const oneName = /([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,"\\]*)(?:, |$)/y;

/** undefined: not a list of names as Node prints it. */
export function alternativeNames(printed: string): AlternativeName[] | undefined {
  const names: AlternativeName[] = [];
  oneName.lastIndex = 0;
  while (oneName.lastIndex < printed.length) {
    const [, type = "", value = ""] = oneName.exec(printed) ?? [];
    if (type === "") return undefined;
    names.push({ type, value: value.startsWith('"') ? String(JSON.parse(value)) : value });
  }
  return names;
}

function unfit(because: string): PeerReading {
  return { kind: "unfit", because };
}
