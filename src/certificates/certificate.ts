/** Reading certificates that somebody of our own mesh has issued; OpenSSL does it, behind node:crypto. */
import { X509Certificate } from "node:crypto";
import { WeftError } from "../platform/error.ts";

export interface CertificateView {
  /** Lower-case hex, of the length that OpenSSL and Envoy print. */
  readonly serial: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** SPKI, DER. */
  readonly publicKey: Uint8Array;
}

/** @throws WeftError `invalid` when it is not one certificate in DER: PEM, or with bytes behind it, is none. */
export function parseCertificate(der: Uint8Array): X509Certificate {
  const attempted = "read a certificate";
  try {
    const certificate = new X509Certificate(der);
    if (certificate.raw.equals(der)) return certificate;
  } catch (cause) {
    throw WeftError.from(cause, attempted, { code: "invalid", because: "it is not X.509" });
  }
  throw new WeftError({ code: "invalid", retry: "never", attempted, because: "it is not one certificate in DER" });
}

export function readCertificate(der: Uint8Array): CertificateView {
  const { serialNumber, validFromDate, validToDate, publicKey } = parseCertificate(der);
  return {
    serial: serialNumber.toLowerCase(),
    notBeforeMs: validFromDate.getTime(),
    notAfterMs: validToDate.getTime(),
    publicKey: publicKey.export({ type: "spki", format: "der" }),
  };
}

export function serialText(certificate: Uint8Array): string {
  return readCertificate(certificate).serial;
}
