/** PEM (RFC 7468), as files and Envoy's secrets hold it. Inside Weft certificates and keys are DER. */
export type PemLabel = "CERTIFICATE" | "PRIVATE KEY" | "CERTIFICATE REQUEST";

export function toPem(label: PemLabel, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`;
}

/** Leaf first, as a TLS server sends it. */
export function chainToPem(chain: readonly Uint8Array[]): string {
  return chain.map((der) => toPem("CERTIFICATE", der)).join("");
}

/** Every block of that label, in order; text between blocks is ignored. */
export function fromPem(label: PemLabel, pem: string): Uint8Array[] {
  const block = new RegExp(`-----BEGIN ${label}-----([A-Za-z0-9+/=\\s]*?)-----END ${label}-----`, "g");
  return Array.from(pem.matchAll(block), (match) => Buffer.from((match[1] ?? "").replaceAll(/\s/g, ""), "base64"));
}
