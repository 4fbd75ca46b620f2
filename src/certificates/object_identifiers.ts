/** The object identifiers in the DER that we write and read ourselves (RFC 5280, RFC 5480, RFC 5758). */
import { objectIdentifier, sequence } from "./der/write.ts";

export const oids = {
  ecPublicKey: "1.2.840.10045.2.1",
  prime256v1: "1.2.840.10045.3.1.7",
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
  subjectKeyIdentifier: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  nameConstraints: "2.5.29.30",
  authorityKeyIdentifier: "2.5.29.35",
  extendedKeyUsage: "2.5.29.37",
  serverAuth: "1.3.6.1.5.5.7.3.1",
  clientAuth: "1.3.6.1.5.5.7.3.2",
} as const;

/** AlgorithmIdentifier of every signature we make or take; ECDSA has no parameters, not even NULL. */
export const ecdsaWithSha256 = sequence(objectIdentifier(oids.ecdsaWithSha256));
